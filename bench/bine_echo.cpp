// bine's echo server: what floor_echo does, as a protocol on the reactor. Usage: bine_echo PORT
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "bine/net/listener.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

namespace {

class Echo final : public bine::Protocol {
public:
    void connection_made(bine::Transport& transport) override { transport_ = &transport; }
    void data_received(std::string_view bytes) override { transport_->write(bytes); }
    // A client that does not read is not read either.
    void writing_paused() override { transport_->pause_reading(); }
    void writing_resumed() override { transport_->resume_reading(); }

private:
    bine::Transport* transport_ = nullptr;
};

int serve(uint16_t port) {
    bine::Reactor reactor;
    bine::Listener listener(reactor, [] { return std::make_unique<Echo>(); }, {});
    if (const auto opened = listener.open(bine::Address::loopback(port), {}); !opened) {
        std::fprintf(stderr, "bine_echo: %s\n", opened.error().what());
        return 1;
    }
    std::printf("port %d\n", listener.address().port());
    std::fflush(stdout);
    reactor.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return serve(argc > 1 ? static_cast<uint16_t>(std::atoi(argv[1])) : 0); }
