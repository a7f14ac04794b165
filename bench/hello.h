/* What the HTTP benchmarks ask for and get: one path, one body; files below another path. C and C++. */
#pragma once

#define HELLO_PATH "/hello"
#define HELLO_BODY "Hello, world!\n"
#define FILES_PATH "/files"
