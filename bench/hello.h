/* What the HTTP benchmarks ask for and get: one path, one body. C and C++. */
#pragma once

#define HELLO_PATH "/hello"
#define HELLO_BODY "Hello, world!\n"
