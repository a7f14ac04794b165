// The load generator: keeps every connection of one server busy with one exchange after the other, then those of the next
// server, in short slices that alternate, so that a change of the machine's mood hits all servers alike. It checks every byte
// that comes back and prints one line of JSON for each slice. It is on io_uring so that it costs less than what it measures.
// A server with any wrong, missing or surplus byte is left out from there on: its line says why, and so does status 3, when
// the others have been measured. Status 1: nothing could be. `load` alone prints its usage.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "churn_load.h"
#include "client_socket.h"
#include "closed_load.h"
#include "hello.h"
#include "load_driver.h"
#include "paced_load.h"
#include "request_mix.h"
#include "tls_load.h"
#include "tls_session.h"
#include "workload.h"

namespace bench {
namespace {

constexpr char kUsage[] =
    "usage: load MODE --server PORT:PID[:RATE] [--server ...]...\n"
    "            [--connections N] [--rounds N] [--seconds SECONDS] [--warm-up SECONDS] [--seed N]\n"
    "            [--depth N]               http: requests per exchange\n"
    "            [--requests mix|small]    all but echo: which requests; mix has 200 to 600 bytes each\n"
    "            [--path PATH]             all but echo: what is asked for, and the file that must come\n"
    "            [--file FILE]\n"
    "            [--size N] [--largest N]  echo, tls-echo: bytes per message; sizes up to the largest, by powers of two, mixed\n"
    "            [--cipher NAME]           tls: of TLS 1.3, as OpenSSL calls it\n"
    "MODE is http, churn, paced, echo, tls, tls-echo, tls-new, tls-resumed, idle-http, idle-echo or idle-tls.\n"
    "A round is one slice of --seconds for each server; PID is the process whose processor time is taken.\n"
    "churn makes a new connection for each request; paced asks at RATE a second and prints latencies.\n"
    "tls is http over TLS 1.3, tls-echo echo; tls-new is churn with full handshakes, tls-resumed with such as take up a session.\n"
    "idle: one exchange on each connection, prints `ready`, keeps them open until its input ends.\n"
    "`load print-requests` prints the mix.";

struct Server {
    std::uint16_t port = 0;
    int pid = 0;
    double rate = 0;
};

struct Options {
    std::string mode;
    std::vector<Server> servers;
    std::size_t connections = 64;
    std::size_t depth = 1;
    std::size_t size = 1024;
    std::size_t largest = 0;
    RequestStyle style;
    std::string body = HELLO_BODY;
    TlsOptions tls;
    std::uint64_t seed = 1;
    std::size_t rounds = 1;
    double warm_up = 0.3;
    double seconds = 2;
};

constexpr int kSomeFailed = 3;  // exit status

// Of a slice's time, waited for a processor: beyond it the figures are of other programs.
constexpr double kStarved = 0.1;

// Nanoseconds that all threads of a process have spent on a processor, and waiting for one that another program had.
struct Spent {
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
};

Spent spent_by(int pid) {
    Spent sum;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        Spent one;
        std::ifstream(task.path() / "schedstat") >> one.running >> one.waiting;
        sum.running += one.running;
        sum.waiting += one.waiting;
    }
    return sum;
}

// Nanoseconds in which a process that has one core wanted it and others had it: not those in which its own threads had it.
double starved_ns(const Spent& before, const Spent& after, double elapsed_ns) {
    const double idle = elapsed_ns - static_cast<double>(after.running - before.running);
    return std::clamp(static_cast<double>(after.waiting - before.waiting), 0.0, std::max(idle, 0.0));
}

// One server with what is asked of it. Whatever one that failed still has to say is left where it is.
struct Target {
    Server server;
    std::unique_ptr<Workload> workload;
    std::unique_ptr<LoadDriver> load;
    bool failed = false;
};

struct Progress {
    std::uint64_t exchanges = 0;
    std::uint64_t fewest = ~std::uint64_t{0};
};

// A connection without an answer is an error, unless `starved`: other programs had the processors.
Progress progress_since(const std::vector<std::uint64_t>& before, const LoadDriver& load, bool starved) {
    Progress progress;
    const auto turns = load.turns();
    for (std::size_t i = 0; i < turns.size(); ++i) {
        const std::uint64_t done = turns[i] - before[i];
        if (done == 0 && !starved)
            fail("connection " + std::to_string(i) + " had no whole answer in the measured time");
        progress.exchanges += done;
        progress.fewest = std::min(progress.fewest, done);
    }
    return progress;
}

// One slice for one server, and its line.
void measure(Target& target, std::size_t index, std::size_t round, const Options& options) {
    LoadDriver& load = *target.load;
    load.start();
    load.run_for(options.warm_up);

    load.begin_window();
    const auto before = load.turns();
    const Spent server_before = spent_by(target.server.pid);
    const Spent client_before = spent_by(getpid());
    const auto start = Clock::now();
    load.run_for(options.seconds);
    const double elapsed = Seconds(Clock::now() - start).count();
    const Spent server_after = spent_by(target.server.pid);
    const Spent client_after = spent_by(getpid());
    const auto server = static_cast<double>(server_after.running - server_before.running);
    const auto client = static_cast<double>(client_after.running - client_before.running);
    const double waited =
        starved_ns(server_before, server_after, elapsed * 1e9) + starved_ns(client_before, client_after, elapsed * 1e9);
    const Progress progress = progress_since(before, load, waited / elapsed / 1e9 > kStarved);
    load.end_window();
    load.stop();

    const auto operations = static_cast<double>(std::max<std::uint64_t>(progress.exchanges, 1) *
                                                target.workload->operations_per_exchange());
    const double mean =
        static_cast<double>(std::max<std::uint64_t>(progress.exchanges, 1)) / static_cast<double>(before.size());
    std::printf(
        "{\"round\": %zu, \"server\": %zu, \"operations\": %.0f, \"seconds\": %.6f, \"rate\": %.1f, \"server_cpu_ns\": %.1f, "
        "\"server_busy\": %.4f, \"client_busy\": %.4f, \"waited\": %.4f, \"slowest_connection\": %.4f%s}\n",
        round, index, operations, elapsed, operations / elapsed, server / operations, server / elapsed / 1e9,
        client / elapsed / 1e9, waited / elapsed / 1e9, static_cast<double>(progress.fewest) / mean,
        load.more().c_str());
    std::fflush(stdout);
}

bool is_tls(const Options& options) { return options.mode.starts_with("tls") || options.mode == "idle-tls"; }

// Over TLS, a connection for each exchange.
bool is_new_each_time(const Options& options) { return options.mode == "tls-new" || options.mode == "tls-resumed"; }

bool is_echo(const Options& options) { return options.mode.ends_with("echo"); }

KnownAnswer learn_answer(const Options& options, std::uint16_t port, std::string_view request) {
    if (!is_tls(options)) {
        Socket socket(port);
        return learn_answer(socket, request, options.body);
    }
    TlsContext context(options.tls);
    TlsSocket socket(port, context);
    return learn_answer(socket, request, options.body);
}

std::unique_ptr<Workload> make_workload(const Options& options, const Server& server) {
    if (is_echo(options)) {
        return std::make_unique<EchoWorkload>(options.size, options.largest, options.seed);
    }
    RequestStyle style = options.style;
    style.close = options.mode == "churn" || is_new_each_time(options);
    const std::string first = make_request_mix(options.seed, style)[0];
    return std::make_unique<HttpWorkload>(learn_answer(options, server.port, first), options.depth, options.seed,
                                          style);
}

std::unique_ptr<LoadDriver> make_load(const Options& options, const Server& server, const Workload& workload) {
    if (options.mode == "churn") return std::make_unique<ChurnLoad>(workload, server.port, options.connections);
    if (options.mode == "paced") {
        if (server.rate <= 0) fail("a paced load needs a rate for each server");
        return std::make_unique<PacedLoad>(workload, server.port, options.connections, server.rate, options.seed);
    }
    if (is_tls(options)) {
        TlsOptions tls = options.tls;
        tls.resume = options.mode == "tls-resumed";
        return std::make_unique<TlsLoad>(workload, server.port, options.connections, tls, !is_new_each_time(options));
    }
    return std::make_unique<ClosedLoad>(workload, server.port, options.connections);
}

// Handshakes are not to fall into the first slice: that ends when each connection has had an answer.
void open_all(LoadDriver& load, const Options& options) {
    load.start();
    load.run_for(options.warm_up);
    load.stop();
}

// As a string of JSON; what is not plain is a question mark.
std::string quoted(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c >= ' ' && c <= '~' ? c : '?';
    }
    return quoted + '"';
}

// Does what is to be done with one server: it fails alone.
template <class Work>
void attempt(Target& target, std::size_t index, std::size_t round, Work work) {
    if (target.failed) return;
    try {
        work();
    } catch (const std::exception& error) {
        target.failed = true;
        std::fprintf(stderr, "load: %s\n", error.what());
        std::printf("{\"round\": %zu, \"server\": %zu, \"failed\": %s}\n", round, index, quoted(error.what()).c_str());
        std::fflush(stdout);
    }
}

// Who goes first changes from round to round. Whether no server failed.
bool measure_all(const Options& options) {
    std::vector<Target> targets(options.servers.size());
    for (std::size_t i = 0; i < targets.size(); ++i) {
        Target& target = targets[i];
        target.server = options.servers[i];
        attempt(target, i, 0, [&] {
            target.workload = make_workload(options, target.server);
            target.load = make_load(options, target.server, *target.workload);
            if (is_tls(options) && !is_new_each_time(options)) open_all(*target.load, options);
        });
    }
    for (std::size_t round = 0; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const std::size_t index = round % 2 == 0 ? i : targets.size() - 1 - i;
            attempt(targets[index], index, round, [&] { measure(targets[index], index, round, options); });
        }
    }
    return std::ranges::none_of(targets, [](const Target& target) { return target.failed; });
}

// The whole answer to question `index`, each byte of it checked.
template <class AnySocket>
void exchange_once(AnySocket& socket, const Workload& workload, std::size_t index, std::span<char> buffer) {
    const std::size_t whole = workload.answer_size(index, 0);
    socket.send_all(workload.question(index, 0));
    for (std::size_t received = 0; received < whole;) {
        const std::string_view bytes = socket.receive(buffer);
        if (received + bytes.size() > whole || !workload.matches(index, 0, received, bytes)) {
            fail("connection " + std::to_string(index) + " got a wrong answer");
        }
        received += bytes.size();
    }
}

// One exchange on each connection, then silence until the end of input. `connect()` makes a socket.
template <class Connect>
void stay_idle(const Options& options, Connect connect) {
    const auto workload = make_workload(options, options.servers.front());
    std::vector<decltype(connect())> sockets;
    std::vector<char> buffer(workload->answer_size(0, 0) + 1);
    for (std::size_t i = 0; i < options.connections; ++i) {
        exchange_once(sockets.emplace_back(connect()), *workload, i, buffer);
    }
    std::puts("ready");
    std::fflush(stdout);
    alarm(0);
    while (std::getchar() != EOF) {
    }
    const auto open =
        std::count_if(sockets.begin(), sockets.end(), [](const auto& socket) { return socket.is_idle(); });
    std::printf("{\"connections\": %zu, \"still_open\": %td}\n", sockets.size(), open);
}

void stay_idle(const Options& options) {
    const std::uint16_t port = options.servers.front().port;
    if (!is_tls(options)) return stay_idle(options, [port] { return Socket(port); });
    TlsContext context(options.tls);
    stay_idle(options, [port, &context] { return TlsSocket(port, context); });
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

template <class Number>
void parse(std::string_view text, Number& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    if (error != std::errc{} || end != text.data() + text.size()) fail("not a number: " + std::string(text));
}

Server parse_server(std::string_view text) {
    const std::size_t colon = std::min(text.find(':'), text.size() - 1);
    const std::size_t second = std::min(text.find(':', colon + 1), text.size());
    Server server;
    parse(text.substr(0, colon), server.port);
    parse(text.substr(colon + 1, second - colon - 1), server.pid);
    if (second < text.size()) parse(text.substr(second + 1), server.rate);
    return server;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail("cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

void parse_option(std::string_view name, std::string_view value, Options& options) {
    if (name == "--connections") return parse(value, options.connections);
    if (name == "--depth") return parse(value, options.depth);
    if (name == "--size") return parse(value, options.size);
    if (name == "--largest") return parse(value, options.largest);
    if (name == "--path") return options.style.path.assign(value), void();
    if (name == "--file") return options.body = read_file(std::string(value)), void();
    if (name == "--cipher") return options.tls.cipher.assign(value), void();
    if (name == "--requests") return options.style.small = value == "small", void();
    if (name == "--seed") return parse(value, options.seed);
    if (name == "--warm-up") return parse(value, options.warm_up);
    if (name == "--seconds") return parse(value, options.seconds);
    if (name == "--rounds") return parse(value, options.rounds);
    if (name == "--server") return options.servers.push_back(parse_server(value));
    fail("unknown option " + std::string(name));
}

// For whoever wants to send the same from elsewhere.
void print_requests() {
    for (const std::string& request : make_request_mix(Options().seed)) std::fputs(request.c_str(), stdout);
}

Options parse_arguments(std::span<char*> arguments) {
    if (arguments.size() < 4 || arguments.size() % 2 != 0) fail(kUsage);
    Options options;
    options.mode = arguments[1];
    for (std::size_t i = 2; i < arguments.size(); i += 2) parse_option(arguments[i], arguments[i + 1], options);
    if (options.servers.empty() || options.connections == 0 || options.depth == 0 || options.size == 0) fail(kUsage);
    return options;
}

// A server that stops answering must not hang a whole series.
void end_at(unsigned seconds) {
    signal(SIGALRM, [](int) {
        constexpr std::string_view kText = "load: the server stopped answering\n";
        if (write(STDERR_FILENO, kText.data(), kText.size()) < 0) _exit(2);
        _exit(1);
    });
    alarm(seconds);
}

// The exit status.
int run(const Options& options) {
    raise_descriptor_limit();
    const double slices = static_cast<double>(options.rounds * options.servers.size());
    end_at(static_cast<unsigned>(3 * slices * (options.warm_up + options.seconds)) + 60);
    // What waits for a moment must not wait longer.
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (options.mode.starts_with("idle-")) return stay_idle(options), 0;
    constexpr std::string_view kModes[] = {"http", "churn",    "paced",   "echo",
                                           "tls",  "tls-echo", "tls-new", "tls-resumed"};
    if (std::ranges::find(kModes, options.mode) != std::end(kModes)) return measure_all(options) ? 0 : kSomeFailed;
    fail("unknown mode " + options.mode);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    try {
        if (argc == 2 && std::string_view(argv[1]) == "print-requests") {
            bench::print_requests();
            return 0;
        }
        return bench::run(bench::parse_arguments({argv, static_cast<std::size_t>(argc)}));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "load: %s\n", error.what());
        return 1;
    }
}
