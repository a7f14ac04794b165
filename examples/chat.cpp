// A line-oriented chat room: what one member writes, all others read.
// Single-threaded: everything here runs on the room's reactor.
//
// Try it:  ./chat &  nc localhost 7000    (in two terminals)
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/net/connection_ref.h"
#include "bine/net/line_protocol.h"

namespace bine::examples {

// Members of one room. Lifetime: outlives every member; a member removes itself when its connection is lost.
class Room {
public:
    void join(ConnectionRef member) { members_.push_back(std::move(member)); }
    void leave(const ConnectionRef& member) { std::erase(members_, member); }

    // Sends `line` to everyone but `from`. A member whose output is over its cap is dropped, not waited for.
    void say(const ConnectionRef& from, std::string_view line) {
        const std::string message = std::string(line) + "\r\n";
        for (const ConnectionRef& member : members_) {
            if (member == from || !member) continue;
            if (member.transport()->queued() > kMostQueued) {
                member.transport()->abort(Error(Errc::limit_exceeded, "a member of the room reads too slowly"));
            } else {
                member.write(message);
            }
        }
    }

private:
    static constexpr uint64_t kMostQueued = 1 << 20;
    std::vector<ConnectionRef> members_;
};

class Member final : public LineProtocol {
public:
    explicit Member(Room& room) : room_(room) {}

    void connection_made(Transport& transport) override {
        LineProtocol::connection_made(transport);
        self_ = transport.ref();
        transport.write("who are you?\r\n");
    }
    void line_received(std::string_view line) override {
        if (!name_.empty()) return room_.say(self_, name_ + ": " + std::string(line));
        if (line.empty()) return;
        name_ = line;
        room_.join(self_);
        room_.say(self_, name_ + " has joined");
    }
    void connection_lost(const CloseReason&) override {
        room_.leave(self_);
        if (!name_.empty()) room_.say(self_, name_ + " has left");
    }

private:
    Room& room_;
    ConnectionRef self_;
    std::string name_;
};

}  // namespace bine::examples

int main(int argc, char** argv) {
    using namespace bine;

    examples::Room room;
    return react(argc, argv, [&room](Reactor& reactor, Args args) -> Deferred<> {
        Factory members = [&room] { return std::make_unique<examples::Member>(room); };
        auto port = co_await listen(reactor, args.value_or(0, "tcp:7000"), std::move(members));
        std::fprintf(stderr, "listening on %s\n", port.address().to_string().c_str());
        co_await port.closed();
    });
}
