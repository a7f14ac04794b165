// bine's echo server: what the echo floors do, as a protocol on the reactor. Usage: bine_echo PORT [epoll|uring]
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "bine/net/transport.h"
#include "driver_choice.h"

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

}  // namespace

int main(int argc, char** argv) {
    const auto port = argc > 1 ? static_cast<uint16_t>(std::atoi(argv[1])) : uint16_t{0};
    return bench::serve_on(port, argc > 2 ? argv[2] : "epoll", [] { return std::make_unique<Echo>(); });
}
