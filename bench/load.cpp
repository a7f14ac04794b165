// The load generator: keeps every connection of one server busy with one exchange after the other, then those of the next
// server, in short slices that alternate, so that a change of the machine's mood hits all servers alike. It checks every byte
// that comes back and prints one line of JSON for each slice. It is on io_uring so that it costs less than what it measures.
// Any wrong, missing or surplus byte ends it with a message and status 1. `load` alone prints its usage.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "hello.h"
#include "request_mix.h"
#include "uring.h"
#include "workload.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr char kUsage[] =
    "usage: load http|echo|idle --server PORT:PID [--server PORT:PID]... [--connections N]\n"
    "            [--rounds N] [--seconds SECONDS] [--warm-up SECONDS]\n"
    "            [--depth N] [--seed N]    http, idle: requests per exchange, seed of the request mix\n"
    "            [--size N]                echo: bytes per message\n"
    "A round is one slice of --seconds for each server; PID is the process whose processor time is taken.\n"
    "idle: one exchange on each connection, prints `ready`, keeps them open until its input ends.";

struct Server {
    std::uint16_t port = 0;
    int pid = 0;
};

struct Options {
    std::string mode;
    std::vector<Server> servers;
    std::size_t connections = 64;
    std::size_t depth = 1;
    std::size_t size = 1024;
    std::uint64_t seed = 1;
    std::size_t rounds = 1;
    double warm_up = 0.3;
    double seconds = 2;
};

class Socket {
public:
    explicit Socket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (fd_ < 0) throw_errno("socket");
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw_errno("connect");
        const int one = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&&) = delete;
    ~Socket() {
        if (fd_ >= 0) close(fd_);
    }

    int get() const { return fd_; }

    void send_all(std::string_view bytes) {
        if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
            throw_errno("send");
    }

    std::string_view receive(std::span<char> into) {
        const ssize_t size = recv(fd_, into.data(), into.size(), 0);
        if (size < 0) throw_errno("recv");
        if (size == 0) fail("the server closed a connection");
        return {into.data(), static_cast<std::size_t>(size)};
    }

    bool is_idle() const {
        char byte;
        return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }

private:
    int fd_;
};

// The whole first answer of the server, as its Content-Length says where it ends.
HelloAnswer learn_answer(std::uint16_t port, std::uint64_t seed) {
    Socket socket(port);
    socket.send_all(make_request_mix(seed)[0]);
    std::string answer;
    char buffer[65536];
    for (;;) {
        answer += socket.receive(buffer);
        const std::size_t head = answer.find("\r\n\r\n");
        if (head == std::string::npos) continue;
        if (answer.size() >= head + 4 + sizeof HELLO_BODY - 1) return HelloAnswer(std::move(answer));
    }
}

struct Peer {
    Socket socket;
    std::uint64_t turn = 0;
    std::size_t received = 0;
};

// Drives all connections to one server over one ring.
class Load {
public:
    Load(const Workload& workload, std::uint16_t port, std::size_t connections)
        : workload_(workload),
          buffer_size_(std::clamp(std::bit_ceil(workload.answer_size()), kSmallestBuffer, kLargestBuffer)),
          buffer_count_(static_cast<unsigned>(kBufferBytes / buffer_size_)),
          table_(buffer_count_ * sizeof(io_uring_buf), -1, 0),
          memory_(kBufferBytes, -1, 0),
          ring_(1024) {
        ring_.provide_buffers(table_, buffer_count_);
        for (unsigned i = 0; i < buffer_count_; ++i) give_buffer(static_cast<std::uint16_t>(i));
        for (std::size_t i = 0; i < connections; ++i) {
            peers_.push_back({Socket(port)});
            ring_.receive_always(peers_[i].socket.get(), i);
        }
    }

    // Asks on every connection; each answer is followed by the next question until stop().
    void start() {
        asking_ = true;
        for (std::size_t i = 0; i < peers_.size(); ++i) ask(i);
    }

    void run_for(double seconds) {
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(seconds));
        do turn();
        while (Clock::now() < end);
    }

    // Takes the answers that are still due.
    void stop() {
        asking_ = false;
        while (unanswered_ > 0) turn();
    }

    std::vector<std::uint64_t> turns() const {
        std::vector<std::uint64_t> turns;
        turns.reserve(peers_.size());
        for (const Peer& peer : peers_) turns.push_back(peer.turn);
        return turns;
    }

private:
    static constexpr std::size_t kSmallestBuffer = 4096;
    static constexpr std::size_t kLargestBuffer = 65536;
    static constexpr std::size_t kBufferBytes = 1 << 20;
    static constexpr std::uint64_t kSendTag = std::uint64_t{1} << 32;

    void turn() {
        ring_.submit_and_wait();
        ring_.for_each_completion([this](const io_uring_cqe& completion) { handle(completion); });
    }

    void ask(std::size_t index) {
        Peer& peer = peers_[index];
        ++unanswered_;
        ring_.send(peer.socket.get(), workload_.question(index, peer.turn), index | kSendTag);
    }

    void handle(const io_uring_cqe& completion) {
        const std::size_t index = completion.user_data & ~kSendTag;
        if (completion.user_data & kSendTag) {
            fail("a send on connection " + std::to_string(index) + " ended with " + std::to_string(completion.res));
        }
        if (completion.res > 0) {
            const auto id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
            take(index, {memory_.at<char>(id * buffer_size_), static_cast<std::size_t>(completion.res)});
            give_buffer(id);
        } else if (completion.res != -ENOBUFS) {
            const char* reason = completion.res == 0 ? "end of stream" : std::strerror(-completion.res);
            fail("connection " + std::to_string(index) + " was lost: " + reason);
        }
        if (!(completion.flags & IORING_CQE_F_MORE)) ring_.receive_always(peers_[index].socket.get(), index);
    }

    void take(std::size_t index, std::string_view bytes) {
        Peer& peer = peers_[index];
        if (peer.received + bytes.size() > workload_.answer_size()) {
            fail("connection " + std::to_string(index) + " got more bytes than the answer has");
        }
        if (!workload_.matches(index, peer.turn, peer.received, bytes)) {
            fail("connection " + std::to_string(index) + " got wrong bytes in exchange " + std::to_string(peer.turn));
        }
        peer.received += bytes.size();
        if (peer.received < workload_.answer_size()) return;
        peer.received = 0;
        ++peer.turn;
        --unanswered_;
        if (asking_) ask(index);
    }

    void give_buffer(std::uint16_t id) {
        ring_.give_buffer(id, memory_.at<char>(id * buffer_size_), static_cast<unsigned>(buffer_size_));
    }

    const Workload& workload_;
    std::size_t buffer_size_;
    unsigned buffer_count_;
    Mapping table_;
    Mapping memory_;
    std::vector<Peer> peers_;
    std::size_t unanswered_ = 0;
    bool asking_ = false;
    Ring ring_;
};

// Nanoseconds that all threads of a process have spent on a processor.
std::uint64_t cpu_of(int pid) {
    std::uint64_t sum = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        std::uint64_t spent = 0;
        std::ifstream(task.path() / "schedstat") >> spent;
        sum += spent;
    }
    return sum;
}

// One server with what is asked of it.
struct Target {
    Server server;
    std::unique_ptr<Workload> workload;
    std::unique_ptr<Load> load;
};

struct Progress {
    std::uint64_t exchanges = 0;
    std::uint64_t fewest = ~std::uint64_t{0};
};

Progress progress_since(const std::vector<std::uint64_t>& before, const Load& load) {
    Progress progress;
    const auto turns = load.turns();
    for (std::size_t i = 0; i < turns.size(); ++i) {
        const std::uint64_t done = turns[i] - before[i];
        if (done == 0) fail("connection " + std::to_string(i) + " had no whole answer in the measured time");
        progress.exchanges += done;
        progress.fewest = std::min(progress.fewest, done);
    }
    return progress;
}

// One slice for one server, and its line.
void measure(Target& target, std::size_t index, std::size_t round, const Options& options) {
    Load& load = *target.load;
    load.start();
    load.run_for(options.warm_up);

    const auto before = load.turns();
    const std::uint64_t server_before = cpu_of(target.server.pid);
    const std::uint64_t client_before = cpu_of(getpid());
    const auto start = Clock::now();
    load.run_for(options.seconds);
    const double elapsed = Seconds(Clock::now() - start).count();
    const auto server = static_cast<double>(cpu_of(target.server.pid) - server_before);
    const auto client = static_cast<double>(cpu_of(getpid()) - client_before);
    const Progress progress = progress_since(before, load);
    load.stop();

    const auto operations = static_cast<double>(progress.exchanges * target.workload->operations_per_exchange());
    const double mean = static_cast<double>(progress.exchanges) / static_cast<double>(before.size());
    std::printf(
        "{\"round\": %zu, \"server\": %zu, \"operations\": %.0f, \"seconds\": %.6f, \"rate\": %.1f, \"server_cpu_ns\": %.1f, "
        "\"server_busy\": %.4f, \"client_busy\": %.4f, \"slowest_connection\": %.4f}\n",
        round, index, operations, elapsed, operations / elapsed, server / operations, server / elapsed / 1e9,
        client / elapsed / 1e9, static_cast<double>(progress.fewest) / mean);
    std::fflush(stdout);
}

std::unique_ptr<Workload> make_workload(const Options& options, const Server& server) {
    if (options.mode == "echo") return std::make_unique<EchoWorkload>(options.size, options.seed);
    return std::make_unique<HttpWorkload>(learn_answer(server.port, options.seed), options.depth, options.seed);
}

// Who goes first changes from round to round.
void measure_all(const Options& options) {
    std::vector<Target> targets;
    for (const Server& server : options.servers) {
        auto workload = make_workload(options, server);
        auto load = std::make_unique<Load>(*workload, server.port, options.connections);
        targets.push_back({server, std::move(workload), std::move(load)});
    }
    for (std::size_t round = 0; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            const std::size_t index = round % 2 == 0 ? i : targets.size() - 1 - i;
            measure(targets[index], index, round, options);
        }
    }
}

// One exchange on each connection, then silence until the end of input.
void stay_idle(const Options& options) {
    const Server& server = options.servers.front();
    const HttpWorkload workload(learn_answer(server.port, options.seed), options.depth, options.seed);
    std::vector<Socket> sockets;
    std::vector<char> buffer(workload.answer_size() + 1);
    for (std::size_t i = 0; i < options.connections; ++i) {
        Socket& socket = sockets.emplace_back(server.port);
        socket.send_all(workload.question(i, 0));
        for (std::size_t received = 0; received < workload.answer_size();) {
            const std::string_view bytes = socket.receive(buffer);
            if (received + bytes.size() > workload.answer_size() || !workload.matches(i, 0, received, bytes)) {
                fail("connection " + std::to_string(i) + " got a wrong answer");
            }
            received += bytes.size();
        }
    }
    std::puts("ready");
    std::fflush(stdout);
    alarm(0);
    while (std::getchar() != EOF) {
    }
    const auto open =
        std::count_if(sockets.begin(), sockets.end(), [](const Socket& socket) { return socket.is_idle(); });
    std::printf("{\"connections\": %zu, \"still_open\": %td}\n", sockets.size(), open);
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
    Server server;
    parse(text.substr(0, colon), server.port);
    parse(text.substr(colon + 1), server.pid);
    return server;
}

void parse_option(std::string_view name, std::string_view value, Options& options) {
    if (name == "--connections") return parse(value, options.connections);
    if (name == "--depth") return parse(value, options.depth);
    if (name == "--size") return parse(value, options.size);
    if (name == "--seed") return parse(value, options.seed);
    if (name == "--warm-up") return parse(value, options.warm_up);
    if (name == "--seconds") return parse(value, options.seconds);
    if (name == "--rounds") return parse(value, options.rounds);
    if (name == "--server") return options.servers.push_back(parse_server(value));
    fail("unknown option " + std::string(name));
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

void run(const Options& options) {
    raise_descriptor_limit();
    const double slices = static_cast<double>(options.rounds * options.servers.size());
    end_at(static_cast<unsigned>(slices * (options.warm_up + options.seconds)) + 30);
    if (options.mode == "idle") return stay_idle(options);
    if (options.mode == "http" || options.mode == "echo") return measure_all(options);
    fail("unknown mode " + options.mode);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    try {
        bench::run(bench::parse_arguments({argv, static_cast<std::size_t>(argc)}));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "load: %s\n", error.what());
        return 1;
    }
}
