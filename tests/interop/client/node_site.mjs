// The test's site on Node: node_site.mjs PORT SECURE_PORT IDENTITY. python_site.py says what is where.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import zlib from 'node:zlib';

const [port, securePort, identity] = process.argv.slice(2);
const coders = {gzip: zlib.gzipSync, deflate: zlib.deflateSync, br: zlib.brotliCompressSync, zstd: zlib.zstdCompressSync};
const coded = Buffer.from('coded '.repeat(1000) + '\n');

function echo(request, response) {
    const hash = crypto.createHash('sha256');
    let bytes = 0;
    request.on('data', (piece) => { hash.update(piece); bytes += piece.length; });
    request.on('end', () => {
        const framing = request.headers['transfer-encoding'] ?? request.headers['content-length'] ?? 'none';
        const type = (request.headers['content-type'] ?? 'none').split(';')[0];
        response.end(`${request.method} ${framing} ${bytes} ${hash.digest('hex')} ${type}\n`);
    });
}

async function serve(request, response) {
    const {pathname, search} = new URL(request.url, 'http://site');
    const [, place, name] = pathname.split('/');
    response.setHeader('X-Port', String(request.socket.remotePort));
    response.setHeader('Content-Type', 'text/plain');
    switch (place) {
        case 'echo': return echo(request, response);
        case 'chunked':
            for (let i = 0; i < 100; ++i) response.write(`piece ${i}\n`);
            return response.end();
        case 'until-close':
            response.useChunkedEncodingByDefault = false;
            response.shouldKeepAlive = false;
            response.removeHeader('Transfer-Encoding');
            response.write('until ');
            return response.end('close\n');
        case 'coded':
            response.setHeader('Content-Encoding', name);
            return response.end(coders[name](coded));
        case 'hints': return response.writeEarlyHints({link: '</style.css>; rel=preload'}, () => response.end('hello\n'));
        case 'move': return response.writeHead(Number(name), {Location: search.slice(4)}).end();
        case 'cookie':
            if (name === 'set') response.setHeader('Set-Cookie', ['one=1; Path=/', 'two=2; Path=/cookie', 'far=3; Domain=other.example']);
            return response.end('set\n');
        case 'show':
            return response.end(`${request.method} authorization=${request.headers.authorization ?? ''} cookie=${request.headers.cookie ?? ''}\n`);
        default: return response.writeHead(pathname === '/hello' ? 200 : 404).end(pathname === '/hello' ? 'hello\n' : 'nothing\n');
    }
}

const secure = {cert: fs.readFileSync(`${identity}.pem`), key: fs.readFileSync(`${identity}.key`)};
for (const host of ['::1', '127.0.0.1']) {
    http.createServer(serve).listen(Number(port), host);
    https.createServer(secure, serve).listen(Number(securePort), host);
}
