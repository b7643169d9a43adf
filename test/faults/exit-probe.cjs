// Loaded before hush: the code that it ends with stands in its folder for run-time files afterwards.
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

process.on('exit', (code) => writeFileSync(join(process.env.XDG_RUNTIME_DIR, 'exit-code'), String(code)));
