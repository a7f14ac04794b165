// A machine of a simulated world: a name, addresses, a clock of its own, a reactor, and the program that runs on it.
//
// A crash takes the reactor and the program away between turns, without a word to anybody: who talks to the host hears
// nothing until it is there again, and then a reset. Belongs to its world.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/base/function.h"
#include "bine/base/time.h"

namespace bine {
class Address;
class Reactor;
}  // namespace bine

namespace bine::sim {

class SimDriver;
class World;

class Host {
public:
    using Program = Function<Deferred<>(Reactor&)>;

    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    const std::string& name() const noexcept { return name_; }
    // 10.0.0.1 for the first host, and so on; the loopback addresses are each host's own.
    Address address(uint16_t port) const;
    Address address_v6(uint16_t port) const;
    bool up() const noexcept { return reactor_ != nullptr; }
    // Only while it is up.
    Reactor& reactor() noexcept { return *reactor_; }

    // Starts a program and keeps it, for restart(). An error that it ends with breaks the run, unless the host is down.
    void run(Program program);
    // The program has ended by itself.
    bool done() const noexcept { return up() && !running_.has_value() && started_; }
    // Drops the program, as a cancellation does.
    void stop() noexcept;

    // Calls `function` once, when the host goes down and its reactor is still there: for who has something of their own on
    // the reactor. It replaces an earlier one, and nothing of it may run on the reactor any more.
    void before_end(Function<void()> function) { before_end_ = std::move(function); }

    // From anywhere; when a reactor turns, it happens behind that turn.
    void crash();
    // The program starts anew, with a new reactor. Nothing happens when the host is up.
    void restart();

    // How far the wall clock is ahead of the world's.
    Duration clock_ahead() const noexcept { return ahead_; }
    void jump_clock(Duration by) noexcept { ahead_ += by; }

private:
    friend class World;
    friend class SimDriver;
    Host(World& world, std::size_t number, std::string name, Duration ahead);

    void boot();
    void go_down();
    void tell_end();
    void program_ended(const Error* error);

    World& world_;
    const std::size_t number_;
    const std::string name_;
    Duration ahead_;
    SimDriver* driver_ = nullptr;  // of the reactor, or of one that the user has
    std::unique_ptr<Reactor> reactor_;
    Program program_;
    Function<void()> before_end_;
    std::optional<Deferred<>> running_;
    bool started_ = false;
};

}  // namespace bine::sim
