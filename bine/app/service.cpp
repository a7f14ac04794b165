#include "bine/app/service.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "bine/app/listen_error.h"
#include "bine/app/reactor_choice.h"
#include "bine/app/secure.h"
#include "bine/app/settings.h"
#include "bine/base/version.h"
#include "bine/endpoints/shared_endpoint.h"
#include "bine/reactor/signal.h"
#include "bine/reactor/workers.h"
#include "bine/tls/context.h"
#include "bine/tls/endpoints.h"

namespace bine::app {

namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(20);
constexpr Duration kSayEvery = std::chrono::seconds(1);
constexpr Duration kMostQuiet = std::chrono::seconds(1);
// How long sockets that have ended may still wait for the other side's end.
constexpr Duration kLinger = std::chrono::milliseconds(500);

// How long an idle connection may have another request when stopping begins: short for who waits, long for a client that is
// at it.
Duration quiet_time(const Settings& settings) { return std::min<Duration>(settings.grace / 20, kMostQuiet); }

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

// Whether an endpoint speaks TLS by itself.
bool names_tls(std::string_view endpoint) {
    constexpr std::string_view kProxied = "haproxy:";
    while (endpoint.starts_with(kProxied)) endpoint.remove_prefix(kProxied.size());
    return endpoint.starts_with("ssl:") || endpoint.starts_with("tls:");
}

class Part;
class Run;

// What the workers of one run have in common. Outlives them.
struct Crew {
    Crew(const Settings& wanted, LogWriter& writer) : settings(wanted), log(writer), parts(wanted.workers) {}

    const Settings& settings;
    LogWriter& log;
    std::optional<tls::Context> secure;     // on every endpoint
    std::vector<tls::Context> from_files;   // what SIGHUP reads again: that one, and those of ssl: endpoints
    std::vector<SharedEndpoint> endpoints;  // opened by the first worker before any listens
    std::vector<Part*> parts;               // each is its own worker's
    Run* run = nullptr;                     // the first worker's, where messages for it go
    ExitCode exit_code = ExitCode::ok;
};

// One worker's part of a run: listens, serves, drains, and tells the run how far it is.
class Part final : private Timer {
public:
    Part(Crew& crew, Worker& worker, Service& service) : crew_(crew), worker_(worker), service_(service) {
        crew.parts[worker.index()] = this;
    }
    ~Part() { worker_.reactor().timers().cancel(*this); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    // At every endpoint that this worker can listen at. False: one refused, and the run has been told.
    Deferred<bool> listen();
    void drain();

    const std::vector<Port>& ports() const noexcept { return ports_; }

private:
    // Calls f(Run&) in the first worker's thread.
    template <class F>
    void tell(F f) {
        if (worker_.index() == 0) return f(*crew_.run);
        worker_.post(0, [&crew = crew_, f = std::move(f)](Worker&) mutable { f(*crew.run); });
    }

    void port_closed();
    void expired() override;
    void linger();
    void look_again() { reactor().timers().arm(*this, reactor().now() + kLookEvery); }
    void tell_connections(std::size_t count);
    Reactor& reactor() noexcept { return worker_.reactor(); }

    Crew& crew_;
    Worker& worker_;
    Service& service_;
    std::vector<Port> ports_;
    std::size_t open_ports_ = 0;
    std::size_t told_ = 0;
    bool draining_ = false;
    std::optional<TimePoint> lingers_until_;
};

// One run, from listening to the end, on the first worker's reactor. The states: listening, draining, over.
class Run final : private Timer {
public:
    Run(Crew& crew, Worker& worker, Service& service, Part& part)
        : crew_(crew),
          worker_(worker),
          service_(service),
          part_(part),
          area_(crew.settings.command->name),
          connections_(worker.count()) {
        crew.run = this;
    }

    void operator()() {
        open_all().detach([this](const Error& error) {
            log::error(area_, error.text());
            finish(ExitCode::failure);
        });
        worker_.reactor().run();
        worker_.reactor().timers().cancel(*this);
    }

    // From the parts.
    void refused(std::size_t endpoint, const Error& error) {
        log::error(area_, explain_listen_error(crew_.settings.listen[endpoint], error));
        finish(exit_code_of_listen_error(error));
    }
    // All of a worker's by themselves: standard input has ended.
    void ports_closed() {
        if (!draining_) drain();
    }
    void connections_left(std::size_t worker, std::size_t count) { connections_[worker] = count; }
    void drained() {
        if (++drained_ < worker_.count()) return;
        log::info(area_, "stopped");
        finish(ExitCode::ok);
    }

private:
    Deferred<> open_all() {
        auto secure = secure_context(crew_.settings, worker_.reactor().wall_now());
        if (!secure) throw secure.error();
        crew_.secure = std::move(*secure);
        if (crew_.secure && !crew_.settings.certificates.empty()) crew_.from_files.push_back(*crew_.secure);
        Endpoints endpoints;
        tls::add_endpoints(endpoints, crew_.secure ? &*crew_.secure : nullptr, nullptr,
                           [&](const tls::Context& made) { crew_.from_files.push_back(made); });
        for (std::size_t i = 0; i < crew_.settings.listen.size(); ++i) {
            auto shared = SharedEndpoint::open(crew_.settings.listen[i], worker_.count(), endpoints);
            if (!shared) {
                refused(i, shared.error());
                co_return;
            }
            crew_.endpoints.push_back(std::move(*shared));
        }
        const bool listens = co_await part_.listen();
        if (!listens) co_return;
        for (const int signal : {SIGINT, SIGTERM}) {
            signals_.push_back(
                std::make_unique<SignalWatch>(worker_.reactor(), signal, [this, signal] { signalled(signal); }));
        }
        signals_.push_back(std::make_unique<SignalWatch>(worker_.reactor(), SIGHUP, [this] { hung_up(); }));
        announce();
        for (std::size_t other = 1; other < worker_.count(); ++other) {
            worker_.post(other, [&crew = crew_](Worker& there) { crew.parts[there.index()]->listen().detach(); });
        }
    }

    void announce() {
        if (!log::enabled(log::Level::info)) return;
        if (crew_.log.style().format == LogFormat::text) return crew_.log.write(banner());
        for (std::size_t i = 0; i < part_.ports().size(); ++i) {
            log::info(area_, "listening",
                      {{"at", reachable_at(part_.ports()[i].address(), scheme_of(i))},
                       {"endpoint", crew_.settings.listen[i]},
                       {"serves", service_.what()},
                       {"driver", worker_.reactor().driver_name()},
                       {"reason", worker_.reactor().driver_reason()},
                       {"workers", worker_.count()},
                       {"version", version()},
                       {"pid", ::getpid()}});
        }
    }

    // "https" where the endpoint, or all of them, are TLS.
    std::string scheme_of(std::size_t endpoint) const {
        const bool secure = crew_.secure || names_tls(crew_.settings.listen[endpoint]);
        return std::string(service_.scheme()) + (secure && !service_.scheme().empty() ? "s" : "");
    }

    std::string banner() const {
        const LogStyle style = crew_.log.style();
        const std::string_view bold = style.colour ? "\x1b[1m" : "";
        const std::string_view dim = style.colour ? "\x1b[2m" : "";
        const std::string_view reset = style.colour ? "\x1b[0m" : "";
        std::string text = "bine " + std::string(version()) + " serves " + service_.what() + "\n";
        for (std::size_t i = 0; i < part_.ports().size(); ++i) {
            text.append("  ")
                .append(bold)
                .append(reachable_at(part_.ports()[i].address(), scheme_of(i)))
                .append(reset)
                .append("\n");
        }
        const Reactor& reactor = worker_.reactor();
        text.append(dim).append("on ").append(reactor.driver_name()).append(" (").append(reactor.driver_reason());
        text.append(")").append(worker_.count() > 1 ? ", " + plural(worker_.count(), "worker") : "");
        text.append("; Ctrl-C stops it").append(reset).append("\n");
        return text;
    }

    void signalled(int signal) {
        const std::string_view name = signal == SIGINT ? "SIGINT" : "SIGTERM";
        if (draining_) return force("a second signal", name);
        log::info(area_, "stopping: no new connections", {{"signal", name}});
        drain();
    }

    // A terminal that has gone is an end; otherwise it asks to read again what may have changed.
    void hung_up() {
        struct termios about{};
        if (has_terminal_ && ::tcgetattr(STDIN_FILENO, &about) != 0) {
            if (!draining_) drain();
        } else if (crew_.from_files.empty()) {
            log::info(area_, "SIGHUP: there are no certificates to read again");
        } else {
            reload();
        }
    }

    void reload() {
        bool all = true;
        for (tls::Context& context : crew_.from_files) {
            const auto reloaded = context.reload();
            if (reloaded) continue;
            all = false;
            log::error(area_, "SIGHUP: the certificates cannot be used; those from before stay",
                       {{"error", reloaded.error().text()}});
        }
        if (all) log::info(area_, "SIGHUP: the certificates were read again, for new connections");
    }

    void drain() {
        draining_ = true;
        drain_began_ = worker_.reactor().now();
        next_word_ = drain_began_ + quiet_time(crew_.settings);
        worker_.broadcast([&crew = crew_](Worker& there) { crew.parts[there.index()]->drain(); });
        look_again();
    }

    std::size_t connections() const {
        return std::accumulate(connections_.begin(), connections_.end(), std::size_t{0});
    }

    void expired() override {
        const TimePoint now = worker_.reactor().now();
        if (now - drain_began_ >= crew_.settings.grace) return force("the grace is over", {});
        const std::size_t left = connections();
        if (left != 0 && left != said_ && now >= next_word_) {
            said_ = left;
            next_word_ = now + kSayEvery;
            log::info(area_, "waiting for " + plural(left, "connection") + " (press Ctrl-C again to stop at once)");
        }
        look_again();
    }

    // Between the looks of the parts, so that what they tell has come.
    void look_again() {
        const Duration next = said_ || worker_.reactor().now() > drain_began_ ? kLookEvery : kLookEvery * 3 / 2;
        worker_.reactor().timers().arm(*this, worker_.reactor().now() + next);
    }

    void force(std::string_view why, std::string_view signal) {
        if (crew_.exit_code == ExitCode::forced) return;
        const std::string cut = plural(connections(), "connection");
        if (signal.empty()) {
            log::warning(area_, "stopped by force: cut " + cut, {{"why", why}});
        } else {
            log::warning(area_, "stopped by force: cut " + cut, {{"why", why}, {"signal", signal}});
        }
        finish(ExitCode::forced);
    }

    void finish(ExitCode code) {
        crew_.exit_code = code;
        worker_.stop_all();
    }

    Crew& crew_;
    Worker& worker_;
    Service& service_;
    Part& part_;
    const std::string_view area_;
    std::vector<std::unique_ptr<SignalWatch>> signals_;
    std::vector<std::size_t> connections_;  // of each worker that drains, as it has told
    std::size_t drained_ = 0;
    bool draining_ = false;
    const bool has_terminal_ = ::isatty(STDIN_FILENO) == 1;
    TimePoint drain_began_;
    TimePoint next_word_;
    std::size_t said_ = 0;
};

Deferred<bool> Part::listen() {
    for (std::size_t i = 0; i < crew_.endpoints.size(); ++i) {
        if (worker_.index() >= crew_.endpoints[i].reactors()) continue;
        Factory factory = service_.factory();
        if (crew_.secure && !names_tls(crew_.settings.listen[i]))
            factory = tls::server_factory(*crew_.secure, std::move(factory));
        auto port = co_await crew_.endpoints[i].listen(worker_.index(), reactor(), std::move(factory)).as_result();
        if (!port) {
            tell([i, error = port.error()](Run& run) { run.refused(i, error); });
            co_return false;
        }
        ports_.push_back(std::move(*port));
    }
    for (Port& port : ports_) {
        ++open_ports_;
        port.closed().then([this] { port_closed(); }).detach();
    }
    co_return true;
}

void Part::port_closed() {
    if (--open_ports_ == 0 && !draining_) tell([](Run& run) { run.ports_closed(); });
}

void Part::drain() {
    draining_ = true;
    for (Port& port : ports_) port.close();
    service_.drain(quiet_time(crew_.settings));
    tell_connections(service_.connections());
    look_again();
}

void Part::expired() {
    const std::size_t left = service_.connections();
    tell_connections(left);
    if (left == 0) return linger();
    look_again();
}

// What was sent may be on its way still; a reset would overtake it.
void Part::linger() {
    if (!lingers_until_) lingers_until_ = reactor().now() + kLinger;
    if (reactor().driver().open_sockets() > 0 && reactor().now() < *lingers_until_) return look_again();
    tell([](Run& run) { run.drained(); });
}

void Part::tell_connections(std::size_t count) {
    if (std::exchange(told_, count) == count) return;
    tell([worker = worker_.index(), count](Run& run) { run.connections_left(worker, count); });
}

// The log knows the time, and the worker, from the reactor as long as this lives.
class Attachment {
public:
    Attachment(LogWriter& log, Worker& worker) : log_(log) {
        log_.attach(worker.reactor(), worker.count() > 1 ? worker.index() + 1 : 0);
    }
    ~Attachment() { log_.detach(); }
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;

private:
    LogWriter& log_;
};

// What a worker's thread does.
void work(Crew& crew, Worker& worker, ServiceMaker& make) {
    const Attachment attachment(crew.log, worker);
    const auto service = make(worker.reactor());
    Part part(crew, worker, *service);
    if (worker.index() != 0) return worker.reactor().run();
    Run(crew, worker, *service, part)();
}

}  // namespace

ExitCode run_service(const Settings& settings, ServiceMaker make) {
    LogWriter log(STDERR_FILENO, choose_log_style(settings.log_format, STDERR_FILENO));
    const LogRedirection redirection(log);
    log::set_level(settings.quiet ? std::max(settings.log_level, log::Level::warning) : settings.log_level);
    try {
        Crew crew(settings, log);
        run_workers(
            settings.workers, [&](Worker& worker) { work(crew, worker, make); },
            [&] { return make_reactor(settings); });
        return crew.exit_code;
    } catch (const Error& error) {
        log::error(settings.command->name, error.text());
        return ExitCode::failure;
    }
}

}  // namespace bine::app
