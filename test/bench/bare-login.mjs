// The least that a login can be: a stream, STARTTLS where wanted, SCRAM-SHA-256, a resource. Arguments: port, domain, user, password, tls|plain. Each line of input is a login; each answer "number milliseconds".
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { promisify } from 'node:util';

const [port, domain, user, password, security] = process.argv.slice(2);
const derive = promisify(pbkdf2);
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const base64 = (text) => Buffer.from(text).toString('base64');
const secureContext = security === 'tls' ? createSecureContext() : undefined;

/** Writes, and resolves with what came until it matches. */
function ask(socket, text, pattern) {
  return new Promise((resolve, reject) => {
    let got = '';
    const data = (chunk) => {
      got += chunk;
      const match = pattern.exec(got);
      if (match === null) return;
      socket.off('data', data);
      resolve(match);
    };
    socket.on('data', data);
    socket.once('error', reject);
    socket.write(text);
  });
}

async function login() {
  const header = `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
  const features = /<\/stream:features>/;
  let socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  await ask(socket, header, features);
  if (secureContext !== undefined) {
    await ask(socket, `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`, /<proceed/);
    const plain = socket;
    socket = connectTls({ socket: plain, servername: domain, secureContext });
    await ask(socket, header, features);
  }
  const nonce = randomBytes(18).toString('base64');
  const sasl = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`;
  const first = `n=${user},r=${nonce}`;
  const [, challenge] = await ask(socket, `<auth ${sasl} mechanism='SCRAM-SHA-256'>${base64(`n,,${first}`)}</auth>`, /<challenge[^>]*>([^<]*)</);
  const server = Buffer.from(challenge, 'base64').toString();
  const [, all, salt, iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)/.exec(server);
  const salted = await derive(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const final = `c=biws,r=${all}`;
  const signature = hmac(createHash('sha256').update(clientKey).digest(), `${first},${server},${final}`);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index])).toString('base64');
  await ask(socket, `<response ${sasl}>${base64(`${final},p=${proof}`)}</response>`, /<success/);
  await ask(socket, header, features);
  await ask(socket, `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`, /<\/bind>/);
  return socket;
}

let logins = 0;
process.stdout.write('ready\n');
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now();
  const socket = await login();
  logins += 1;
  process.stdout.write(`${logins} ${performance.now() - start}\n`);
  socket.end('</stream:stream>');
}
