// What the tests of bine/net have in common: a protocol that records, and a pair of connected ones.
#pragma once

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bine/net/connection.h"
#include "bine/net/listener.h"
#include "bine/testing/captured_logs.h"
#include "bine/testing/native_driver.h"
#include "bine/testing/temp_folder.h"
#include "bine/testing/transport_contract.h"

namespace bine::testing {

// What one protocol saw, and what it shall do. Outlives it.
struct Seen {
    Transport* transport = nullptr;
    std::string events;  // one letter a callback: m(ade) d(ata) e(nd) p(aused) r(esumed) f(d) l(ost)
    std::string received;
    std::vector<Descriptor> descriptors;
    std::optional<CloseReason> lost;
    bool keep_open = false;
    bool destroyed = false;
    Function<void(char)> on_event;

    bool has(char event) const { return events.find(event) != std::string::npos; }
    // Consecutive pieces of data count as one.
    std::string story() const {
        std::string story;
        for (const char event : events) {
            if (event != 'd' || !story.ends_with('d')) story += event;
        }
        return story;
    }
};

class Recording final : public Protocol {
public:
    explicit Recording(Seen& seen) : seen_(seen) {}
    ~Recording() override { seen_.destroyed = true; }

    void connection_made(Transport& transport) override {
        seen_.transport = &transport;
        note('m');
    }
    void data_received(std::string_view bytes) override {
        seen_.received.append(bytes);
        note('d');
    }
    bool end_received() override {
        note('e');
        return seen_.keep_open;
    }
    void descriptor_received(Descriptor descriptor) override {
        seen_.descriptors.push_back(std::move(descriptor));
        note('f');
    }
    void writing_paused() override { note('p'); }
    void writing_resumed() override { note('r'); }
    void connection_lost(const CloseReason& reason) override {
        seen_.lost = reason;
        note('l');
        seen_.transport = nullptr;
    }

private:
    void note(char event) {
        seen_.events += event;
        if (seen_.on_event) seen_.on_event(event);
    }

    Seen& seen_;
};

inline Factory recording(Seen& seen) {
    return [&seen] { return std::make_unique<Recording>(seen); };
}

// Connects; that it fails, as when the other side resets at once, counts as a loss.
inline void dial(Reactor& reactor, const Address& to, Seen& seen, const ConnectionOptions& with = {}) {
    const auto done = [&seen](const Error* error) {
        if (!error) return;
        seen.lost.emplace(CloseReason::Kind::failed, *error);
        seen.destroyed = true;
    };
    if (const auto made = Connection::connect(reactor, to, {}, recording(seen), done, with); !made) throw made.error();
}

// A listener and one connection to it, over TCP, Unix sockets, or whatever the driver has.
struct Scene {
    explicit Scene(Address at = Address::loopback(0), std::unique_ptr<Driver> driver = native_driver())
        : reactor(std::move(driver)), listener(reactor, recording(server), options) {
        if (const auto opened = listener.open(at, {}); !opened) throw opened.error();
    }
    Scene(std::unique_ptr<Driver> driver, const ListenerOptions& o)
        : options(o), reactor(std::move(driver)), listener(reactor, recording(server), options) {
        if (const auto opened = listener.open(Address::loopback(0), {}); !opened) throw opened.error();
    }

    void connect(const ConnectionOptions& with = {}) {
        start_client(client, with);
        if (!until([&] { return client.transport && server.transport; })) throw Error(Errc::broken, "no connection");
    }
    void start_client(Seen& seen, const ConnectionOptions& with = {}) { dial(reactor, listener.address(), seen, with); }
    // In small steps: what a call in the loop makes true is seen although no event follows.
    bool until(Function<bool()> holds) {
        const TimePoint limit = reactor.driver().now() + std::chrono::seconds(25);
        while (!holds()) {
            if (reactor.driver().now() >= limit) return false;
            reactor.turn(reactor.driver().now() + std::chrono::milliseconds(5));
        }
        return true;
    }
    bool until_lost() {
        return until([&] { return client.lost && server.lost && client.destroyed && server.destroyed; });
    }
    void settle() { testing::settle(reactor, std::chrono::milliseconds(3)); }

    ListenerOptions options{};
    Seen server;
    Seen client;
    Reactor reactor;
    Listener listener;
};

inline Address abstract_address() {
    static int count = 0;
    return Address::unix_path(std::string(1, '\0') + "bine-net-test-" + std::to_string(::getpid()) + "-" +
                              std::to_string(++count));
}

// Both ends, blocking.
struct Pipe {
    Pipe() {
        int ends[2];
        if (::pipe(ends) != 0) throw Error::from_errno(errno, "make a pipe");
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    Descriptor read;
    Descriptor write;
};

}  // namespace bine::testing
