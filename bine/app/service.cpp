#include "bine/app/service.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "bine/app/listen_error.h"
#include "bine/app/reactor_choice.h"
#include "bine/app/settings.h"
#include "bine/base/version.h"
#include "bine/endpoints/listen.h"
#include "bine/reactor/signal.h"

namespace bine::app {

namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(20);
constexpr Duration kSayEvery = std::chrono::seconds(1);
// How long sockets that have ended may still wait for the other side's end.
constexpr Duration kLinger = std::chrono::milliseconds(500);

std::string plural(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

bool is_every_address(const Address& address) {
    return address.is_ip() && address.ip_bytes().find_first_not_of('\0') == std::string_view::npos;
}

// Where a client on this machine finds what listens at `address`.
std::string reachable_at(const Address& address, std::string_view scheme) {
    if (address.family() == Address::Family::none) return "standard input and output";
    if (!address.is_ip() || scheme.empty()) return address.to_string();
    Address at = address;
    if (is_every_address(address)) {
        at = *Address::try_parse_ip(address.family() == Address::Family::ipv4 ? "127.0.0.1" : "::1", address.port());
    }
    return std::string(scheme) + "://" + at.to_string() + "/";
}

// One run: from listening to the end. The states: listening, draining, over.
class Run final : private Timer {
public:
    Run(Reactor& reactor, Service& service, LogWriter& log, const Settings& settings)
        : reactor_(reactor), service_(service), log_(log), settings_(settings), area_(settings.command->name) {}

    ExitCode operator()() {
        open_all().detach([this](const Error& error) {
            log::error(area_, error.text());
            finish(ExitCode::failure);
        });
        reactor_.run();
        reactor_.timers().cancel(*this);
        return exit_code_;
    }

private:
    Deferred<> open_all() {
        for (const std::string& endpoint : settings_.listen) {
            Factory factory = service_.factory();
            auto port = co_await listen(reactor_, endpoint, std::move(factory)).as_result();
            if (!port) {
                log::error(area_, explain_listen_error(endpoint, port.error()));
                finish(exit_code_of_listen_error(port.error()));
                co_return;
            }
            ports_.push_back(std::move(*port));
        }
        opened();
    }

    void opened() {
        for (const int signal : {SIGINT, SIGTERM}) {
            signals_.push_back(std::make_unique<SignalWatch>(reactor_, signal, [this, signal] { signalled(signal); }));
        }
        announce();
        for (Port& port : ports_) {
            ++open_ports_;
            port.closed().then([this] { port_closed(); }).detach();
        }
    }

    void announce() {
        if (!log::enabled(log::Level::info)) return;
        if (log_.style().format == LogFormat::text) return log_.write(banner());
        for (std::size_t i = 0; i < ports_.size(); ++i) {
            log::info(area_, "listening",
                      {{"at", reachable_at(ports_[i].address(), service_.scheme())},
                       {"endpoint", settings_.listen[i]},
                       {"serves", service_.what()},
                       {"driver", reactor_.driver_name()},
                       {"reason", reactor_.driver_reason()},
                       {"version", version()},
                       {"pid", ::getpid()}});
        }
    }

    std::string banner() const {
        const std::string_view bold = log_.style().colour ? "\x1b[1m" : "";
        const std::string_view dim = log_.style().colour ? "\x1b[2m" : "";
        const std::string_view reset = log_.style().colour ? "\x1b[0m" : "";
        std::string text = "bine " + std::string(version()) + " serves " + service_.what() + "\n";
        for (const Port& port : ports_) {
            text.append("  ")
                .append(bold)
                .append(reachable_at(port.address(), service_.scheme()))
                .append(reset)
                .append("\n");
        }
        text.append(dim).append("on ").append(reactor_.driver_name()).append(" (").append(reactor_.driver_reason());
        text.append("); Ctrl-C stops it").append(reset).append("\n");
        return text;
    }

    void signalled(int signal) {
        const std::string_view name = signal == SIGINT ? "SIGINT" : "SIGTERM";
        if (draining_) return force("a second signal", name);
        log::info(area_, "stopping: no new connections", {{"signal", name}});
        drain();
    }

    // All by themselves (standard input has ended), or because we are draining.
    void port_closed() {
        if (--open_ports_ == 0 && !draining_) drain();
    }

    void drain() {
        draining_ = true;
        drain_began_ = reactor_.now();
        next_word_ = reactor_.now();
        for (Port& port : ports_) port.close();
        service_.drain();
        reactor_.timers().arm(*this, reactor_.now() + kLookEvery);
    }

    void expired() override {
        const std::size_t left = service_.connections();
        if (left == 0) return linger();
        if (reactor_.now() - drain_began_ >= settings_.grace) return force("the grace is over", {});
        if (left != said_ && reactor_.now() >= next_word_) {
            said_ = left;
            next_word_ = reactor_.now() + kSayEvery;
            log::info(area_, "waiting for " + plural(left, "connection") + " (press Ctrl-C again to stop at once)");
        }
        look_again();
    }

    // What was sent may be on its way still; a reset would overtake it.
    void linger() {
        if (!lingers_until_) lingers_until_ = reactor_.now() + kLinger;
        if (reactor_.driver().open_sockets() > 0 && reactor_.now() < *lingers_until_) return look_again();
        log::info(area_, "stopped");
        finish(ExitCode::ok);
    }

    void look_again() { reactor_.timers().arm(*this, reactor_.now() + kLookEvery); }

    void force(std::string_view why, std::string_view signal) {
        if (exit_code_ == ExitCode::forced) return;
        const std::string cut = plural(service_.connections(), "connection");
        if (signal.empty()) {
            log::warning(area_, "stopped by force: cut " + cut, {{"why", why}});
        } else {
            log::warning(area_, "stopped by force: cut " + cut, {{"why", why}, {"signal", signal}});
        }
        finish(ExitCode::forced);
    }

    void finish(ExitCode code) {
        exit_code_ = code;
        reactor_.stop();
    }

    Reactor& reactor_;
    Service& service_;
    LogWriter& log_;
    const Settings& settings_;
    const std::string_view area_;
    std::vector<Port> ports_;
    std::vector<std::unique_ptr<SignalWatch>> signals_;
    std::size_t open_ports_ = 0;
    bool draining_ = false;
    TimePoint drain_began_;
    TimePoint next_word_;
    std::optional<TimePoint> lingers_until_;
    std::size_t said_ = 0;
    ExitCode exit_code_ = ExitCode::ok;
};

// The log knows the time from the reactor as long as this lives.
class Attachment {
public:
    Attachment(LogWriter& log, Reactor& reactor) : log_(log) { log_.attach(reactor); }
    ~Attachment() { log_.detach(); }
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

private:
    LogWriter& log_;
};

}  // namespace

ExitCode run_service(const Settings& settings, ServiceMaker make) {
    LogWriter log(STDERR_FILENO, choose_log_style(settings.log_format, STDERR_FILENO));
    const LogRedirection redirection(log);
    log::set_level(settings.quiet ? std::max(settings.log_level, log::Level::warning) : settings.log_level);
    try {
        const auto reactor = make_reactor(settings);
        const Attachment attachment(log, *reactor);
        const auto service = make(*reactor);
        return Run(*reactor, *service, log, settings)();
    } catch (const Error& error) {
        log::error(settings.command->name, error.text());
        return ExitCode::failure;
    }
}

}  // namespace bine::app
