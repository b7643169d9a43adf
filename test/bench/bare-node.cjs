// The least that a Node service can be: it connects to the session bus, owns the name given as its argument, and stays. No module but node:net.
const { connect } = require('node:net');

/** A method call to the bus itself, little endian. Fields: path, destination, interface, member, signature. */
function call(serial, member, signature, body) {
  const daemon = 'org.freedesktop.DBus';
  const fields = [[1, 'o', '/org/freedesktop/DBus'], [6, 's', daemon], [2, 's', daemon], [3, 's', member]];
  let header = Buffer.alloc(0);
  const pad = () => (header = Buffer.concat([header, Buffer.alloc(-header.length & 7)]));
  for (const [code, type, text] of fields) {
    pad();
    header = Buffer.concat([header, Buffer.from([code, 1, type.charCodeAt(0), 0]), string(text)]);
  }
  if (signature !== '') {
    pad();
    header = Buffer.concat([header, Buffer.from([8, 1, 'g'.charCodeAt(0), 0, signature.length]), Buffer.from(`${signature}\0`)]);
  }
  const fixed = Buffer.from([0x6c, 1, 0, 1, ...new Array(12).fill(0)]);
  fixed.writeUInt32LE(body.length, 4);
  fixed.writeUInt32LE(serial, 8);
  fixed.writeUInt32LE(header.length, 12);
  pad();
  return Buffer.concat([fixed, header, body]);
}

function string(text) {
  const bytes = Buffer.from(`\0\0\0\0${text}\0`);
  bytes.writeUInt32LE(bytes.length - 5);
  return bytes;
}

function requestName(name) {
  const text = string(name);
  const flags = Buffer.from([4, 0, 0, 0]);
  return Buffer.concat([text, Buffer.alloc(-text.length & 3), flags]);
}

const [, path] = /unix:path=([^,;]+)/.exec(process.env.DBUS_SESSION_BUS_ADDRESS);
const socket = connect(path, () => socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(process.getuid())).toString('hex')}\r\n`));
socket.once('data', () => {
  socket.write('BEGIN\r\n');
  socket.write(call(1, 'Hello', '', Buffer.alloc(0)));
  socket.write(call(2, 'RequestName', 'su', requestName(process.argv[2])));
  socket.resume();
});
