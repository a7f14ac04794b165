// bine's HTTP server as a user would write it: a router with one handler and, if it is given one, a folder of files.
// Usage: bine_http PORT [epoll|uring [FOLDER]]
#include <cstdint>
#include <cstdlib>

#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/http/static_files.h"
#include "driver_choice.h"
#include "hello.h"

int main(int argc, char** argv) {
    bine::http::Router router;
    router.get(HELLO_PATH, [](bine::http::Request&) { return bine::http::Response::text(HELLO_BODY); });
    if (argc > 3) router.mount(FILES_PATH, bine::http::static_files(argv[3]));
    bine::http::Server server(std::move(router));
    const auto port = argc > 1 ? static_cast<uint16_t>(std::atoi(argv[1])) : uint16_t{0};
    return bench::serve_on(port, argc > 2 ? argv[2] : "epoll", server.factory());
}
