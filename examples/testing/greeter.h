// What the tests beside it are about: a protocol that greets who says a name, and hangs up on who says nothing.
#pragma once

#include <string>
#include <string_view>

#include "bine/async/sleep.h"
#include "bine/base/log.h"
#include "bine/net/line_protocol.h"
#include "bine/net/transport.h"
#include "bine/reactor/reactor.h"

class Greeter final : public bine::LineProtocol {
public:
    void connection_made(bine::Transport& transport) override {
        LineProtocol::connection_made(transport);
        late_ = bine::call_later(transport.reactor(), std::chrono::seconds(10), [&transport] {
            bine::log::info("greeter", "somebody says nothing", {{"peer", transport.peer_address().to_string()}});
            transport.abort();
        });
    }
    void line_received(std::string_view name) override {
        late_.cancel();
        (void)send_line("hello, " + std::string(name));
    }

private:
    bine::Deferred<> late_;
};
