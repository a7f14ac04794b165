#include "bine/sim/host.h"

#include "bine/sim/sim_driver.h"
#include "bine/sim/world.h"

namespace bine::sim {

Host::Host(World& world, std::size_t number, std::string name, Duration ahead)
    : world_(world), number_(number), name_(std::move(name)), ahead_(ahead) {}

Host::~Host() {
    tell_end();
    stop();
}

Address Host::address(uint16_t port) const {
    const std::string text = "10.0." + std::to_string(number_ / 250) + "." + std::to_string(number_ % 250 + 1);
    return *Address::try_parse_ip(text, port);
}

Address Host::address_v6(uint16_t port) const {
    return *Address::try_parse_ip("fd00::" + std::to_string(number_ + 1), port);
}

void Host::boot() {
    auto driver = std::make_unique<SimDriver>(world_, *this, false);
    driver_ = driver.get();
    reactor_ = std::make_unique<Reactor>(std::move(driver), ReactorOptions{.slow_callback = Duration(0)});
}

void Host::run(Program program) {
    started_ = true;
    program_ = std::move(program);
    if (!up()) return;
    driver_->wake();
    const Reactor::Current current(*reactor_);
    running_ = program_(*reactor_);
    running_ = std::move(*running_).then([this] { program_ended(nullptr); }).recover([this](Error error) {
        program_ended(&error);
    });
}

// Not from inside the program: its Deferred goes when the turn is over.
void Host::program_ended(const Error* error) {
    // A program that breaks a promise ends by that; once is enough.
    if (error && !world_.violation())
        world_.break_promise("the program of " + name_ + " ended in an error: " + error->text());
    world_.plan(world_.now(), [this] { stop(); });
}

void Host::stop() noexcept {
    running_.reset();
    if (up()) driver_->wake();
}

void Host::crash() {
    const auto crash_now = [this] {
        if (up()) world_.note(name_ + " crashes");
        go_down();
    };
    if (world_.turning_) {
        world_.plan(world_.now(), crash_now);
    } else {
        crash_now();
    }
}

void Host::tell_end() {
    if (auto function = std::exchange(before_end_, nullptr)) function();
}

void Host::go_down() {
    if (!up()) return;
    started_ = true;
    driver_->fall_silent();
    tell_end();
    stop();
    reactor_.reset();
    driver_ = nullptr;
}

void Host::restart() {
    if (up() || name_.empty()) return;
    world_.note(name_ + " starts again");
    boot();
    world_.release_held();
    if (program_ && !world_.finished_)
        run(std::move(program_));  // at the end it is there to be heard, not to begin anew
}

}  // namespace bine::sim
