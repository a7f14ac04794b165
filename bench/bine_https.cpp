// What bine_http is, over TLS. Usage: bine_https PORT epoll|uring CERTIFICATE KEY [FOLDER]
//        bine_https identity FOLDER    writes a certificate and its key (ECDSA, P-256) there: server.pem, server.key
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "bine/base/error.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/http/static_files.h"
#include "bine/reactor/reactor.h"
#include "bine/tls/certificate.h"
#include "bine/tls/context.h"
#include "bine/tls/protocols.h"
#include "driver_choice.h"
#include "hello.h"

namespace {

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) throw bine::Error(bine::Errc::broken, "cannot write " + path);
}

int write_identity(const std::string& folder) {
    const auto identity = bine::tls::Identity::self_signed({"localhost"}, bine::Reactor().wall_now()).value();
    write_file(folder + "/server.pem", identity.certificates_pem());
    write_file(folder + "/server.key", identity.key_pem());
    return 0;
}

int serve(char** words, const char* folder) {
    bine::tls::ServerOptions options;
    options.files = {{words[3], words[4]}};
    auto context = bine::tls::Context::server(options);
    if (!context) throw context.error();
    bine::http::Router router;
    router.get(HELLO_PATH, [](bine::http::Request&) { return bine::http::Response::text(HELLO_BODY); });
    if (folder) router.mount(FILES_PATH, bine::http::static_files(folder));
    bine::http::Server server(std::move(router));
    const auto port = static_cast<uint16_t>(std::atoi(words[1]));
    return bench::serve_on(port, words[2], bine::tls::server_factory(*context, server.factory()));
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 3 && std::string_view(argv[1]) == "identity") return write_identity(argv[2]);
        if (argc < 5) throw bine::Error(bine::Errc::invalid_argument, "what is said is too little; see the source");
        return serve(argv, argc > 5 ? argv[5] : nullptr);
    } catch (const std::exception& error) {
        std::printf("not available: %s\n", error.what());
        return 1;
    }
}
