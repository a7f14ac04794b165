// An HTTP server on Node. Usage: node node_http.js PORT
"use strict";
const http = require("node:http");

const body = "Hello, world!\n";
const server = http.createServer((request, response) => {
  response.writeHead(request.url === "/hello" ? 200 : 404, { "Content-Type": "text/plain", "Content-Length": body.length });
  response.end(body);
});
server.keepAliveTimeout = 3600 * 1000;
server.listen({ port: Number(process.argv[2] ?? 0), host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`port ${server.address().port}`);
});
