// The Driver contract on all but streams: time, waking, threads, lanes, datagrams, descriptors.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <initializer_list>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "bine/testing/driver_scene.h"

namespace bine::testing {
namespace {

using namespace std::chrono_literals;

void waiting_reaches_the_deadline_and_no_further(DriverWorld& world) {
    Scene scene(world);
    Driver& driver = *scene.driver;
    const TimePoint start = driver.now();
    scene.wait(TimePoint::min());
    scene.wait(start - 1s);
    for (const Duration step : std::initializer_list<Duration>{1ns, 1us, 300us, 2ms, 2500us}) {
        const TimePoint deadline = driver.now() + step;
        scene.wait(deadline);
        expect(driver.now() >= deadline, "the deadline has come when wait() returns");
        if (!world.native()) expect(driver.now() == deadline, "exactly, where time is virtual");
    }
    expect(driver.wall_now() > WallTime{}, "there is a wall clock");
}

void time_only_grows(DriverWorld& world) {
    Scene scene(world);
    TimePoint last = scene.driver->now();
    for (int i = 0; i < 1000; ++i) {
        const TimePoint now = scene.driver->now();
        expect(now >= last, "time never goes back");
        last = now;
    }
}

void chance_fills_what_it_is_given(DriverWorld& world) {
    Scene scene(world);
    std::set<std::string> seen;
    for (const std::size_t size : {0u, 1u, 16u, 16u, 16u, 5000u}) {
        std::string bytes(size + 1, '\0');
        scene.driver->random({bytes.data(), size});
        expect(bytes.back() == '\0', "no byte too many");
        if (size >= 16) expect(seen.insert(bytes).second, "never the same again");
    }
}

void wake_ends_a_wait(DriverWorld& world) {
    Scene scene(world);
    scene.driver->wake();
    scene.driver->wake();
    scene.wait(TimePoint::max());
    const TimePoint before = scene.driver->now();
    scene.wait(before + 2ms);
    expect(scene.driver->now() >= before + 2ms, "two wakes before one wait are one");
}

void another_thread_wakes(DriverWorld& world) {
    if (!world.native()) return;
    Scene scene(world);
    for (int i = 0; i < 20; ++i) {
        std::atomic<bool> said{false};
        std::thread other([&] {
            said = true;
            scene.driver->wake();
        });
        while (!said) scene.wait(TimePoint::max());
        other.join();
        scene.wait(TimePoint::min());
    }
}

struct Task final : ThreadTask {
    void work() noexcept override {
        worked_in = std::this_thread::get_id();
        worked.fetch_add(1);
    }
    void done() override {
        ++dones;
        if (!scene->serves(Lane::native)) scene->breach("done() was called from outside of wait");
        if (worked != dones) scene->breach("done() before work()");
        if (again-- > 0) scene->driver->run_in_thread(*this);
    }
    void abandoned() noexcept override { ++abandons; }
    Scene* scene = nullptr;
    std::thread::id worked_in;
    std::atomic<int> worked{0};
    int dones = 0;
    int abandons = 0;
    int again = 0;
};

void work_runs_in_a_thread_and_comes_back(DriverWorld& world) {
    Scene scene(world);
    std::array<Task, 10> tasks;
    for (Task& task : tasks) {
        task.scene = &scene;
        task.again = 3;
        scene.driver->run_in_thread(task);
        expect_equal(task.dones, 0, "done() calls before a wait");
    }
    for (Task& task : tasks) {
        scene.wait_until([&] { return task.dones == 4; }, "the work comes back");
        if (world.native()) expect(task.worked_in != std::this_thread::get_id(), "it ran elsewhere");
    }
}

void abort_all_abandons_work(DriverWorld& world) {
    std::array<Task, 20> tasks;
    Scene scene(world);
    for (Task& task : tasks) {
        task.scene = &scene;
        scene.driver->run_in_thread(task);
    }
    scene.driver->abort_all();
    for (Task& task : tasks) {
        expect_equal(task.abandons, 1, "abandoned() calls");
        expect_equal(task.dones, 0, "done() calls");
    }
    scene.settle();
    for (Task& task : tasks) expect_equal(task.dones + task.abandons, 1, "calls in all");
}

// End checks in which lane it is called.
void the_second_lane_serves_its_own_sinks(DriverWorld& world) {
    Scene scene(world);
    auto native = scene.pair();
    auto second = scene.pair(Lane::second);
    expect(!scene.driver->second_lane_has_work(), "no work, no second lane");
    second.server.on_data = [&](std::string_view bytes) {
        scene.driver->send(second.server.id, bytes, Lifetime::copy);
    };
    const std::string message = pattern(1 << 20);
    scene.driver->send(second.client.id, message, Lifetime::copy);
    scene.driver->send(native.client.id, message, Lifetime::copy);
    scene.wait_until([&] { return second.client.received.size() >= message.size(); }, "the second lane's echo");
    scene.wait_until([&] { return native.server.received.size() >= message.size(); }, "the native lane's bytes");
    expect_equal(second.client.received, message, "the second lane's echo");
    expect_equal(native.server.received, message, "the native lane's bytes");
    scene.driver->close(second.client.id);
    scene.wait_until([&] { return second.client.is_closed && second.server.ended; }, "both ends of the second lane");
    scene.driver->close(second.server.id);
    scene.wait_until([&] { return second.server.is_closed; }, "closed() in the second lane");
    expect(!scene.driver->second_lane_has_work(), "its work is done");
}

// What the second lane has not served yet may be told of a socket that the native lane has ended meanwhile.
void the_second_lane_may_lose_its_work(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair(Lane::second);
    Driver& driver = *scene.driver;
    driver.send(client.id, "never read", Lifetime::copy);
    const TimePoint limit = driver.now() + 10s;
    while (!driver.second_lane_has_work()) driver.wait(limit);
    driver.abort(server.id);
    scene.wait_until([&] { return server.is_closed && (client.is_closed || client.ended); }, "both have ended");
    expect(server.received.empty() || server.received == "never read", "all or nothing");
}

struct Datagrams final : DatagramSink {
    void datagram_received(std::string_view bytes, const Address& from) override {
        received.emplace_back(bytes);
        last_from = from;
        if (on_datagram) on_datagram(bytes, from);
    }
    void send_failed(const Error& error) override { errors.push_back(error); }

    std::vector<std::string> received;
    std::vector<Error> errors;
    Address last_from;
    Function<void(std::string_view, const Address&)> on_datagram;
};

void datagrams_travel_whole(DriverWorld& world) {
    if (!world.has_datagrams()) return;
    Scene scene(world);
    Driver& driver = *scene.driver;
    Datagrams server, client;
    const SocketId listening = driver.open_datagram(world.listen_address(), {}, server).value();
    const Address address = driver.local_address(listening);
    expect(address.port() != 0, "a free port was chosen");
    const SocketId asking = driver.open_datagram({}, address, client).value();
    expect(driver.peer_address(asking) == address, "a connected socket knows its peer");
    server.on_datagram = [&](std::string_view bytes, const Address& from) {
        if (!driver.send_datagram(listening, bytes, from)) scene.breach("an answer could not be sent");
    };
    driver.resume(listening);
    driver.resume(asking);
    const std::vector<std::string> messages = {"one", "", pattern(20'000), "four"};
    for (const std::string& message : messages) {
        const std::size_t before = client.received.size();
        expect(driver.send_datagram(asking, message, {}).has_value(), "sent");
        scene.wait_until([&] { return client.received.size() > before; }, "the answer");
        expect_equal(client.received.back(), message, "the answer");
    }
    expect(server.last_from == driver.local_address(asking), "the server sees who asks");
    driver.pause(listening);
    expect(driver.send_datagram(asking, "later", {}).has_value(), "sent");
    scene.settle();
    expect_equal(server.received.size(), 4, "datagrams received while paused");
    driver.resume(listening);
    scene.wait_until([&] { return server.received.size() == 5; }, "it comes after resume()");
    driver.close(listening);
    driver.close(asking);
    expect(!driver.send_datagram(asking, "ghost", {}), "a closed socket sends nothing");
}

void the_host_descriptor_tells_of_work(DriverWorld& world) {
    Scene scene(world);
    const int fd = scene.driver->host_fd();
    if (fd < 0) return;
    auto [client, server] = scene.pair();
    scene.settle();
    const auto readable = [&](int milliseconds) {
        pollfd entry{fd, POLLIN, 0};
        return ::poll(&entry, 1, milliseconds) == 1;
    };
    scene.driver->prepare_sleep(TimePoint::max());
    expect(!readable(0), "silent while nothing happens");
    scene.driver->send(client.id, "sent by prepare_sleep", Lifetime::copy);
    scene.driver->prepare_sleep(TimePoint::max());
    expect(readable(10'000), "readable when bytes have come");
    scene.wait_until([&] { return server.received == "sent by prepare_sleep"; }, "they are received");
    scene.driver->prepare_sleep(scene.driver->now() + 1ms);
    expect(readable(10'000), "readable when the deadline has come");
    scene.wait(TimePoint::min());
    scene.driver->prepare_sleep(TimePoint::max());
    expect(!readable(0), "silent again");
    scene.driver->wake();
    expect(readable(10'000), "readable when woken");
    scene.wait(TimePoint::min());
    expect(!readable(0), "and silent again");
}

void descriptors_of_others_are_adopted_and_given_back(DriverWorld& world) {
    if (!world.native()) return;
    Scene scene(world);
    int fds[2];
    expect(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
    Descriptor theirs(fds[1]);
    End& end = scene.make_end();
    const auto adopted = scene.driver->adopt(Descriptor(fds[0]), Descriptor());
    if (!adopted && adopted.error().is(Errc::unsupported)) return;
    end.id = adopted.value();
    scene.driver->attach(end.id, end, Lane::native);
    scene.driver->resume(end.id);
    expect(::write(theirs.get(), "in", 2) == 2, "write");
    scene.wait_until([&] { return end.received == "in"; }, "bytes come in");
    scene.driver->send(end.id, "out", Lifetime::copy);
    scene.wait(TimePoint::min());
    if (!world.prompt()) scene.settle();
    expect_equal(scene.driver->queued(end.id), 0, "queued after a wait");
    char buffer[8];
    expect(::read(theirs.get(), buffer, sizeof buffer) == 3, "read");
    Descriptor back = scene.driver->release(end.id);
    expect(back.get() == fds[0], "the same descriptor comes back");
    expect_equal(scene.driver->open_sockets(), 0, "streams left");
    scene.settle();
    expect(!end.is_closed && !end.ended, "without a call");
}

// A peer that the driver knows nothing of.
struct Stranger {
    explicit Stranger(Scene& scene) {
        sockaddr_storage storage{};
        auto* native = reinterpret_cast<sockaddr*>(&storage);
        const unsigned length = scene.listen().to_native(native);
        socket.reset(::socket(native->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        expect(::connect(socket.get(), native, length) == 0, "connect");
    }
    void send_and_reset(std::string_view message) {
        expect(::send(socket.get(), message.data(), message.size(), MSG_DONTWAIT) > 0, "send");
        const linger reset{.l_onoff = 1, .l_linger = 0};
        expect(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0, "setsockopt");
        socket.reset();
    }
    Descriptor socket;
};

// Bytes and a reset, both there before the driver looks: a peer outside of it can do that.
void a_reset_right_behind_bytes_is_told(DriverWorld& world) {
    if (!world.native() || !world.resets()) return;
    for (const std::size_t size : {1u, 5000u, 300'000u}) {
        Scene scene(world);
        Stranger peer(scene);
        End& server = scene.accept();
        scene.driver->resume(server.id);
        scene.settle();
        const std::string message = pattern(size);
        peer.send_and_reset(message);
        scene.wait_until([&] { return server.is_closed; }, "the reset is told");
        expect(server.error && !server.ended, "as an error");
        expect_equal(server.received, message.substr(0, server.received.size()), "what came before it");
    }
}

// The write that fails takes the error of the socket with it.
void a_write_that_failed_is_told_to_who_pauses(DriverWorld& world) {
    if (!world.native() || !world.resets()) return;
    Scene scene(world);
    Stranger peer(scene);
    End& server = scene.accept();
    scene.driver->resume(server.id);
    scene.settle();
    server.on_data = [&](std::string_view) { scene.driver->pause(server.id); };
    peer.send_and_reset("last words");
    scene.driver->send(server.id, "too late", Lifetime::copy);
    scene.wait_until([&] { return server.is_closed; }, "the failure is told");
    expect(server.error && !server.ended, "as an error");
}

void a_pair_of_pipes_is_a_stream(DriverWorld& world) {
    if (!world.native()) return;
    Scene scene(world);
    int there[2], back[2];
    expect(::pipe2(there, O_CLOEXEC) == 0 && ::pipe2(back, O_CLOEXEC) == 0, "pipe2");
    End& left = scene.make_end();
    End& right = scene.make_end();
    auto adopted = scene.driver->adopt(Descriptor(there[0]), Descriptor(back[1]));
    auto other = scene.driver->adopt(Descriptor(back[0]), Descriptor(there[1]));
    if (!adopted && adopted.error().is(Errc::unsupported)) return;
    left.id = adopted.value();
    right.id = other.value();
    scene.driver->attach(left.id, left, Lane::native);
    scene.driver->attach(right.id, right, Lane::native);
    scene.driver->resume(left.id);
    scene.driver->resume(right.id);
    const std::string message = pattern(1 << 20);
    left.on_data = [&](std::string_view bytes) { scene.driver->send(left.id, bytes, Lifetime::copy); };
    left.on_end = [&] { scene.driver->shutdown(left.id); };
    scene.driver->send(right.id, message, Lifetime::copy);
    scene.driver->shutdown(right.id);
    scene.wait_until([&] { return left.is_closed && right.is_closed; }, "both are closed");
    expect(!left.error && !right.error, "in good order");
    expect_equal(right.received, message, "the echo");
}

void a_file_range_is_sent_between_bytes(DriverWorld& world) {
    Scene scene(world);
    auto [client, server] = scene.pair();
    Descriptor file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    expect(static_cast<bool>(file), "a temporary file");
    const std::string content = pattern(700'000);
    expect(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()), "write");
    Output output;
    output.append("before ");
    output.append(Output::FileRange{Ref<SharedFile>(new SharedFile(std::move(file))), 1000, 600'000});
    output.append(" after");
    const std::string wanted = "before " + content.substr(1000, 600'000) + " after";
    scene.driver->send(client.id, std::move(output));
    scene.driver->close(client.id);
    scene.wait_until([&] { return server.ended || server.is_closed; }, "the end");
    expect_equal(server.received, wanted, "what arrives");
}

std::size_t count_descriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
    return count;
}

void no_descriptor_is_leaked(DriverWorld& world) {
    if (!world.native()) return;
    const std::size_t before = count_descriptors();
    {
        Scene scene(world);
        auto first = scene.pair();
        auto second = scene.pair();
        scene.driver->abort(first.client.id);
        scene.driver->close(second.client.id);
        scene.connect();
        scene.settle();
    }
    expect_equal(count_descriptors(), before, "descriptors after the driver's end");
}

constexpr DriverCase kCases[] = {
    {"waiting reaches the deadline, and no further", waiting_reaches_the_deadline_and_no_further},
    {"time only grows", time_only_grows},
    {"chance fills what it is given", chance_fills_what_it_is_given},
    {"wake ends a wait, the next one if none is under way", wake_ends_a_wait},
    {"another thread wakes", another_thread_wakes},
    {"work runs in a thread and comes back", work_runs_in_a_thread_and_comes_back},
    {"abort_all abandons work", abort_all_abandons_work},
    {"the second lane serves its own sinks", the_second_lane_serves_its_own_sinks},
    {"the second lane may lose its work", the_second_lane_may_lose_its_work},
    {"datagrams travel whole", datagrams_travel_whole},
    {"the host descriptor tells of work", the_host_descriptor_tells_of_work},
    {"descriptors of others are adopted and given back", descriptors_of_others_are_adopted_and_given_back},
    {"a reset right behind bytes is told", a_reset_right_behind_bytes_is_told},
    {"a write that failed is told to who pauses", a_write_that_failed_is_told_to_who_pauses},
    {"a pair of pipes is a stream", a_pair_of_pipes_is_a_stream},
    {"a file range is sent between bytes", a_file_range_is_sent_between_bytes},
    {"no descriptor is leaked", no_descriptor_is_leaked},
};

}  // namespace

std::span<const DriverCase> driver_other_cases() { return kCases; }

}  // namespace bine::testing
