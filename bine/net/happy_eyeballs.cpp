#include "bine/net/happy_eyeballs.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "bine/net/connection.h"
#include "bine/net/resolver.h"

namespace bine {

namespace {

using namespace std::chrono_literals;
using Family = Address::Family;

constexpr Duration kLeastDelay = 10ms;
constexpr Duration kMostDelay = 2s;
constexpr std::size_t kMostReasons = 8;

// What the attempts to reach one host have in common: the addresses still to be tried, who is at it, what has failed.
// Lives in the frame that waits for connected(), which may end, and destroy it, whenever the promise is settled: that is
// the last that any method does.
class HappyEyeballs final : private Timer {
public:
    HappyEyeballs(Reactor& reactor, Factory factory, const ConnectOptions& options, std::string name)
        : reactor_(reactor), factory_(std::move(factory)), options_(options), name_(std::move(name)) {
        options_.attempt_delay = std::clamp(options_.attempt_delay, kLeastDelay, kMostDelay);
        options_.resolution_delay = std::clamp(options_.resolution_delay, Duration(0), kMostDelay);
        if (options_.family == Family::none && options_.local.is_ip()) options_.family = options_.local.family();
    }
    ~HappyEyeballs() { give_up(); }
    HappyEyeballs(const HappyEyeballs&) = delete;
    HappyEyeballs& operator=(const HappyEyeballs&) = delete;

    // Once, after one of these.
    Deferred<> connected() { return promise_.deferred(); }
    void ask(Resolver& resolver, const std::string& host, uint16_t port);
    void try_all(std::vector<Address> addresses);

private:
    // Shared with its connection, which may outlive the attempts: `of` is null then.
    struct Attempt final : Counted {
        explicit Attempt(HappyEyeballs* attempts) : of(attempts) {}
        HappyEyeballs* of;
        Connection* connection = nullptr;  // while it can be cancelled
    };
    struct Question {
        Deferred<> waiting;
        bool open = false;
    };

    Question& question(Family family) { return questions_[family == Family::ipv4 ? 1 : 0]; }
    std::deque<Address>& addresses(Family family) { return addresses_[family == Family::ipv4 ? 1 : 0]; }
    void put(Resolver& resolver, const std::string& host, uint16_t port, Family asked, Question& question);
    void answered(Question& question, Result<std::vector<Address>> found);
    void add(std::vector<Address> found);

    void proceed();
    bool may_start() const;
    bool waits_for_preferred() const;
    Address next();
    void start(const Address& remote);
    std::unique_ptr<Protocol> win(Attempt& attempt);
    void ended(Attempt& attempt, const Error* error);
    void expired() override { proceed(); }
    void give_up() noexcept;
    void cancel() noexcept { const Promise<> cancelled = std::move(promise_); }
    Error failure() const;

    Reactor& reactor_;
    Factory factory_;
    ConnectOptions options_;
    const std::string name_;
    Promise<> promise_;
    Question questions_[2];             // IPv6 or both, IPv4
    std::deque<Address> addresses_[2];  // still to be tried: IPv6 and others, IPv4
    Family turn_ = Family::ipv6;        // whose address is tried next, if there is one
    bool apart_ = false;                // the families are asked apart, and IPv6 is preferred
    bool begun_ = false;
    bool won_ = false;
    std::vector<Ref<Attempt>> attempts_;  // under way
    TimePoint next_start_{};              // of the next attempt while another is under way
    TimePoint preferred_until_{};
    std::vector<Error> not_found_;
    std::vector<Error> failures_;
};

void HappyEyeballs::ask(Resolver& resolver, const std::string& host, uint16_t port) {
    apart_ = options_.family == Family::none && resolver.asks_families_apart() && !Address::try_parse_ip(host, port);
    questions_[0].open = true;
    questions_[1].open = apart_;
    put(resolver, host, port, apart_ ? Family::ipv6 : options_.family, questions_[0]);
    if (apart_) put(resolver, host, port, Family::ipv4, questions_[1]);
}

void HappyEyeballs::put(Resolver& resolver, const std::string& host, uint16_t port, Family asked, Question& question) {
    Deferred<Result<std::vector<Address>>> answer = resolver.resolve(host, port, asked).as_result();
    question.waiting = std::move(answer).then(
        [this, &question](Result<std::vector<Address>> found) { answered(question, std::move(found)); });
}

void HappyEyeballs::answered(Question& question, Result<std::vector<Address>> found) {
    question.open = false;
    if (won_ || !promise_) return;
    if (!found && found.error().is(Errc::cancelled)) return cancel();
    if (!found) {
        not_found_.push_back(std::move(found.error()));
    } else {
        preferred_until_ = reactor_.now() + options_.resolution_delay;
        add(std::move(*found));
    }
    proceed();
}

void HappyEyeballs::try_all(std::vector<Address> addresses) {
    add(std::move(addresses));
    proceed();
}

void HappyEyeballs::add(std::vector<Address> found) {
    if (options_.family != Family::none) {
        std::erase_if(found, [this](const Address& one) { return one.is_ip() && one.family() != options_.family; });
    }
    if (!apart_ && !found.empty()) turn_ = found.front().family();
    for (Address& address : found) addresses(address.family()).push_back(std::move(address));
}

// Starts what may start now, and sets the timer for what may later; ends it all when nothing is left to hope for.
void HappyEyeballs::proceed() {
    while (may_start()) start(next());
    const bool more = !addresses_[0].empty() || !addresses_[1].empty();
    if (more) {
        reactor_.timers().arm(*this, waits_for_preferred() ? preferred_until_ : next_start_);
    } else if (attempts_.empty() && !questions_[0].open && !questions_[1].open) {
        std::move(promise_).fail(failure());
    }
}

bool HappyEyeballs::may_start() const {
    if (addresses_[0].empty() && addresses_[1].empty()) return false;
    return !waits_for_preferred() && (attempts_.empty() || reactor_.now() >= next_start_);
}

bool HappyEyeballs::waits_for_preferred() const {
    return !begun_ && addresses_[0].empty() && questions_[0].open && reactor_.now() < preferred_until_;
}

// Alternates between the families while both have addresses.
Address HappyEyeballs::next() {
    if (addresses(turn_).empty()) turn_ = turn_ == Family::ipv4 ? Family::ipv6 : Family::ipv4;
    std::deque<Address>& queue = addresses(turn_);
    turn_ = turn_ == Family::ipv4 ? Family::ipv6 : Family::ipv4;
    Address address = std::move(queue.front());
    queue.pop_front();
    return address;
}

void HappyEyeballs::start(const Address& remote) {
    begun_ = true;
    const Ref<Attempt> attempt(new Attempt(this));
    const auto made = Connection::connect(
        reactor_, remote, options_.local,
        [attempt]() -> std::unique_ptr<Protocol> { return attempt->of ? attempt->of->win(*attempt) : nullptr; },
        [attempt](const Error* error) {
            if (attempt->of) attempt->of->ended(*attempt, error);
        },
        options_.connection);
    if (!made) {
        failures_.push_back(made.error());
        return;
    }
    attempt->connection = *made;
    attempts_.push_back(attempt);
    next_start_ = reactor_.now() + options_.attempt_delay;
}

// The others must be gone before the factory is called: it, and the protocol it makes, may do anything.
std::unique_ptr<Protocol> HappyEyeballs::win(Attempt& attempt) {
    attempt.connection = nullptr;
    won_ = true;
    std::erase_if(attempts_, [&](const Ref<Attempt>& one) {
        if (one.get() == &attempt) return false;
        one->of = nullptr;
        one->connection->cancel_connect();
        return true;
    });
    for (std::deque<Address>& queue : addresses_) queue.clear();
    for (Question& question : questions_) question = Question();
    reactor_.timers().cancel(*this);
    Factory factory = std::move(factory_);
    return factory();
}

void HappyEyeballs::ended(Attempt& attempt, const Error* error) {
    attempt.of = nullptr;
    attempt.connection = nullptr;
    std::erase_if(attempts_, [&](const Ref<Attempt>& one) { return one.get() == &attempt; });
    if (!error) return std::move(promise_).resolve();
    if (won_) return std::move(promise_).fail(*error);
    if (reactor_.is_ending()) return cancel();
    failures_.push_back(*error);
    next_start_ = reactor_.now();
    proceed();
}

void HappyEyeballs::give_up() noexcept {
    for (const Ref<Attempt>& attempt : attempts_) {
        attempt->of = nullptr;
        if (attempt->connection) attempt->connection->cancel_connect();
    }
    attempts_.clear();
}

// What cannot be found out about one family matters only if it is more than that there is nothing to be found.
Error HappyEyeballs::failure() const {
    std::vector<Error> reasons = failures_;
    for (const Error& error : not_found_) {
        const bool known = std::any_of(reasons.begin(), reasons.end(),
                                       [&](const Error& other) { return other.text() == error.text(); });
        if (!known && (failures_.empty() || !error.is(Errc::not_found))) reasons.push_back(error);
    }
    const std::string of_whom = name_.empty() ? std::string() : "connect to \"" + name_ + "\": ";
    if (reasons.empty()) return Error(Errc::not_found, of_whom + "there is no address to connect to");
    if (reasons.size() == 1) return reasons.front();
    std::string text = of_whom;
    if (failures_.size() > 1) text += "none of " + std::to_string(failures_.size()) + " addresses answers: ";
    for (std::size_t i = 0; i < std::min(reasons.size(), kMostReasons); ++i) {
        text += (i == 0 ? "" : "; ") + reasons[i].text();
    }
    if (reasons.size() > kMostReasons) text += "; and " + std::to_string(reasons.size() - kMostReasons) + " more";
    const auto telling =
        std::find_if(reasons.rbegin(), reasons.rend(), [](const Error& error) { return !error.is(Errc::not_found); });
    return Error(telling != reasons.rend() ? telling->code() : reasons.back().code(), text);
}

Deferred<> connect_to_list(Reactor& reactor, std::vector<Address> addresses, Factory factory, ConnectOptions options) {
    HappyEyeballs attempts(reactor, std::move(factory), options, std::string());
    Deferred<> connected = attempts.connected();
    attempts.try_all(std::move(addresses));
    co_await std::move(connected);
}

}  // namespace

Deferred<> connect_to_host(Reactor& reactor, Resolver& resolver, std::string host, uint16_t port, Factory factory,
                           ConnectOptions options) {
    HappyEyeballs attempts(reactor, std::move(factory), options, host);
    Deferred<> connected = attempts.connected();
    attempts.ask(resolver, host, port);
    co_await std::move(connected);
}

Deferred<> connect_to_any(Reactor& reactor, std::span<const Address> addresses, Factory factory,
                          ConnectOptions options) {
    return connect_to_list(reactor, {addresses.begin(), addresses.end()}, std::move(factory), std::move(options));
}

}  // namespace bine
