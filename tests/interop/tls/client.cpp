// Gets a page by an endpoint string and tells how it went:
//     bine_interop_tls_client ENDPOINT [TIMES [CA_FILE CERTIFICATE_FILE KEY_FILE]]
//
// Each connection prints lines "word: text", and the next begins when it has ended. The files are for an endpoint without
// `ca`. The exit code is 0 when each got an answer and ended in good order.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "bine/endpoints/endpoints.h"
#include "bine/endpoints/react.h"
#include "bine/net/transport.h"
#include "bine/tls/context.h"
#include "bine/tls/endpoints.h"
#include "bine/tls/session.h"

namespace bine::tls {
namespace {

void say(const char* word, std::string_view text) {
    std::printf("%s: %.*s\n", word, static_cast<int>(text.size()), text.data());
}

// One request; its answer is what comes until the end.
class Get final : public Protocol {
public:
    Get(Promise<> ended, bool& good) : ended_(std::move(ended)), good_(good) {}

    void connection_made(Transport& transport) override {
        const Session& session = *session_of(transport);
        say("version", session.version());
        say("cipher", session.cipher());
        say("alpn", session.alpn());
        say("resumed", session.resumed() ? "yes" : "no");
        if (const auto certificate = session.peer_certificate()) say("peer", certificate->subject());
        transport.write("GET / HTTP/1.1\r\nHost: www.bine.example\r\nConnection: close\r\n\r\n");
    }
    void data_received(std::string_view bytes) override { answer_ += bytes; }
    void connection_lost(const CloseReason& reason) override {
        say("status", answer_.substr(0, answer_.find("\r\n")));
        say("bytes", std::to_string(answer_.size()));
        say("end", reason.to_string());
        good_ = reason.clean() && !answer_.empty();
        std::move(ended_).resolve();
    }

private:
    Promise<> ended_;
    bool& good_;
    std::string answer_;
};

// Whether it went well.
Deferred<bool> get(Reactor& reactor, ClientEndpoint& endpoint) {
    bool good = false;
    Promise<> promise;
    Deferred<> ended = promise.deferred();
    Factory factory = [&] { return std::make_unique<Get>(std::move(promise), good); };
    Deferred<> connecting = endpoint.connect(reactor, std::move(factory), ConnectionOptions());
    const Result<> connected = co_await std::move(connecting).as_result();
    if (!connected) {
        say("error", connected.error().text());
        co_return false;
    }
    co_await std::move(ended);
    co_return good;
}

std::optional<Context> context_of(Args args) {
    if (args.size() < 5) return std::nullopt;
    ClientOptions options;
    options.trust.ca_file = args[2];
    options.identity.push_back(Identity::load(std::string(args[3]), std::string(args[4])).value());
    return Context::client(options).value();
}

}  // namespace
}  // namespace bine::tls

int main(int argc, char** argv) {
    using namespace bine;
    bool all_good = true;
    const int code = react(argc, argv, [&all_good](Reactor& reactor, Args args) -> Deferred<> {
        Endpoints endpoints;
        const auto context = tls::context_of(args);
        tls::add_endpoints(endpoints, nullptr, context ? &*context : nullptr);
        auto endpoint = endpoints.client(args.value_or(0, ""));
        if (!endpoint) throw endpoint.error();
        const int times = std::stoi(std::string(args.value_or(1, "1")));
        for (int i = 0; i < times; ++i) {
            const bool good = co_await tls::get(reactor, **endpoint);
            all_good = all_good && good;
        }
    });
    return code != 0 ? code : all_good ? 0 : 1;
}
