// The stage of the Driver contract: one driver, the ends of its connections, and rules that hold in every case - sinks
// are called from their own lane only, never from another method, and never after closed().
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "bine/base/function.h"
#include "bine/testing/driver_contract.h"
#include "bine/testing/expect.h"

namespace bine::testing {

class Scene;

// One end of a connection, which records. Lives as long as its scene.
class End final : public Sink {
public:
    End(Scene& scene, Lane lane) : scene_(scene), lane_(lane) {}

    void connected() override;
    void data_received(std::string_view bytes) override;
    std::span<char> get_buffer() override;
    void end_received() override;
    void drained() override;
    void closed(const Error* error) override;

    SocketId id;
    std::string received;
    int connects = 0;
    int pieces = 0;
    int drains = 0;
    int buffers_asked = 0;
    bool ended = false;
    bool is_closed = false;
    std::optional<Error> error;
    uint64_t closed_in_wait = 0;
    std::span<char> room;  // what get_buffer() gives

    Function<void(std::string_view)> on_data;
    Function<void()> on_connected;
    Function<void()> on_end;
    Function<void()> on_drained;
    Function<void()> on_closed;

private:
    void called(const char* what);

    Scene& scene_;
    Lane lane_;
};

class Scene final : public AcceptSink {
public:
    explicit Scene(DriverWorld& world) : driver(world.make_driver()), world_(world) {}
    ~Scene() { driver.reset(); }

    struct Pair {
        End& client;
        End& server;
    };

    // A listener at the world's address, made by the first call.
    Address listen();
    End& make_end(Lane lane = Lane::native);
    // A client on its way to listen(), its other end in accepted() later.
    End& connect(Lane lane = Lane::native);
    // The next accepted connection, awaited; paused.
    End& accept(Lane lane = Lane::native);
    // Two ends, connected and reading.
    Pair pair(Lane lane = Lane::native);

    void wait(TimePoint deadline);
    // Waits until `holds` does, and fails after a long time.
    void wait_until(Function<bool()> holds, std::string_view what, Place place = Place::current());
    // Waits until all that is under way has arrived.
    void settle();
    uint64_t waits() const noexcept { return waits_; }

    // Called by sinks, which must not throw.
    void breach(std::string_view what);
    void check() { expect(breach_.empty(), breach_); }
    bool serves(Lane lane) const noexcept { return depth_ > 0 && serving_ == lane; }

    void accepted(SocketId id, const Address& peer) override;
    void accept_failed(const Error& error) override;

    std::unique_ptr<Driver> driver;
    SocketId listener;
    Function<void(SocketId)> on_accepted;  // takes over what accepted() does
    Address last_peer;

private:
    void serve_second_lane();

    DriverWorld& world_;
    std::deque<End> ends_;
    std::deque<SocketId> waiting_;
    uint64_t waits_ = 0;
    int depth_ = 0;
    Lane serving_ = Lane::native;
    std::string breach_;
};

std::span<const DriverCase> driver_stream_cases();
std::span<const DriverCase> driver_ending_cases();
std::span<const DriverCase> driver_other_cases();

}  // namespace bine::testing
