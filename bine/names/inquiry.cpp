#include "bine/names/inquiry.h"

#include <algorithm>
#include <cerrno>

#include "bine/async/within.h"
#include "bine/base/log.h"
#include "bine/base/text.h"
#include "bine/names/exchange.h"
#include "bine/names/message.h"
#include "bine/reactor/thread.h"

namespace bine::names {

namespace {

using namespace std::chrono_literals;

constexpr Duration kReadAgain = 5s;     // how old the configuration may be
constexpr Duration kAvoidance = 30s;    // how long a server that kept silent is asked after the others
constexpr Duration kMostTimeout = 30s;  // of one question to one server
constexpr unsigned kMostDoublings = 4;

struct NoWatch final : WatchSink {
    void ready(bool, bool) override {}
};

bool can_watch(Reactor& reactor) {
    NoWatch sink;
    const auto refused = reactor.driver().watch(-1, true, false, sink, Lane::native);
    return refused || !refused.error().is(Errc::unsupported);
}

std::string words(Duration time) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::string asked(std::string_view name, RecordType type) {
    return "look up " + std::string(to_string(type)) + " of \"" + std::string(name) + "\"";
}

// What each server said last.
struct Asked {
    Address server;
    std::optional<Error> error;
    bool worth_asking = true;
};

Error failure(const Question& question, const std::vector<Asked>& servers) {
    std::string text = asked(question.name, question.type);
    std::error_code code;
    for (const Asked& one : servers) {
        if (!one.error) continue;
        text += (code ? "; the server " : ": the server ") + one.server.to_string() + " " + one.error->text();
        if (!code || one.error->is(Errc::timed_out)) code = one.error->code();
    }
    if (!code) return Error(Errc::not_found, text + ": no name server is known");
    return Error(code, text);
}

}  // namespace

std::optional<Error> absence(const Records& records, std::string_view name, RecordType type) {
    if (records.outcome == Records::Outcome::found) return {};
    std::string text = asked(name, type);
    if (!records.alias.empty()) text += ", an alias of \"" + records.alias + "\"";
    text += records.outcome == Records::Outcome::no_such_name ? ": there is no such name (NXDOMAIN)"
                                                              : ": it has no such record";
    if (!records.server.empty()) text += ", says " + records.server;
    return Error(Errc::not_found, text);
}

Inquiry::Inquiry(Reactor& reactor, ResolverOptions options)
    : reactor_(reactor),
      options_(std::move(options)),
      simulated_(!can_watch(reactor)),
      cache_(options_.cache_bytes),
      permits_(std::max<std::size_t>(options_.max_questions, 1)) {}

Inquiry::~Inquiry() = default;

void Inquiry::end() noexcept {
    ended_ = true;
    const Deferred<> reading = std::move(reading_);
    const auto queries = std::exchange(queries_, {});
    read_.set();
}

Deferred<Inquiry::Configured> Inquiry::configuration(Ref<Inquiry> self) {
    if (self->simulated_) co_return fail(Errc::unsupported, "no name server can be asked in simulation");
    if (!self->configuration_ || self->reactor_.now() >= self->read_at_ + kReadAgain) self->read_again();
    if (!self->configuration_) co_await self->read_.wait();
    if (self->ended_) co_return fail(Errc::cancelled, "the resolver has ended");
    co_return self->configuration_;
}

void Inquiry::read_again() {
    if (ended_ || (reading_ && !reading_.done())) return;
    read_at_ = reactor_.now();
    auto reading = defer_to_thread(reactor_, [options = options_] {
        return Configured(std::make_shared<Configuration>(read_configuration(options)));
    });
    reading_ = std::move(reading).as_result().then([this](Result<Configured> read) {
        if (read) {
            configuration_ = std::move(*read);
        } else if (!configuration_) {
            auto nobody = std::make_shared<Configuration>();
            nobody->reason = read.error().text();
            configuration_ = std::move(nobody);
        }
        read_.set();
    });
}

Deferred<Found> Inquiry::find(std::string name, RecordType type) {
    if (ended_) return failed(Errc::cancelled, "the resolver has ended");
    const Question question{to_lower(name), type};
    if (Found known = cache_.find(question, reactor_.now())) return ready(std::move(known));
    std::unique_ptr<Query>& place = queries_[question];
    const bool fresh = !place;
    if (fresh) place = std::make_unique<Query>();
    Query& query = *place;
    Promise<Found> promise;
    Deferred<Found> found = promise.deferred();
    promise.on_cancel([this, question, &query]() noexcept { left(question, &query); });
    query.waiters.push_back(std::move(promise));
    ++query.wanted;
    if (fresh) start(question, query);
    return found;
}

// Of a query that is being settled, nobody needs to leave: it is not in the table any more.
void Inquiry::left(const Question& question, const Query* query) noexcept {
    const auto place = queries_.find(question);
    if (place == queries_.end() || place->second.get() != query || --place->second->wanted > 0) return;
    const std::unique_ptr<Query> given_up = std::move(place->second);
    queries_.erase(place);
}

void Inquiry::start(const Question& question, Query& query) {
    Deferred<> running =
        ask_servers(Ref<Inquiry>(this), question).as_result().then([this, question, &query](Result<Found> found) {
            settle(question, &query, std::move(found));
        });
    if (const auto place = queries_.find(question); place != queries_.end() && place->second.get() == &query) {
        query.running = std::move(running);
    }
}

void Inquiry::settle(const Question& question, const Query* query, Result<Found> found) {
    const Ref<Inquiry> self(this);
    const auto place = queries_.find(question);
    if (place == queries_.end() || place->second.get() != query) return;
    const std::unique_ptr<Query> settled = std::move(place->second);
    queries_.erase(place);
    if (found) keep(question, *found);
    for (Promise<Found>& waiter : settled->waiters) {
        if (!waiter.wanted()) continue;
        if (found) {
            std::move(waiter).resolve(*found);
        } else {
            std::move(waiter).fail(found.error());
        }
    }
}

void Inquiry::keep(const Question& question, const Found& found) {
    Duration ttl = found->ttl;
    if (found->outcome == Records::Outcome::found) {
        ttl = std::clamp(ttl, std::min(options_.min_ttl, options_.max_ttl), options_.max_ttl);
    } else {
        ttl = std::min(ttl, options_.max_negative_ttl);
    }
    if (ttl > Duration(0)) cache_.put(question, found, time_after(reactor_, ttl));
}

std::vector<Address> Inquiry::servers_in_order() {
    std::vector<Address> servers = configuration_->servers;
    if (configuration_->rotate && !servers.empty()) {
        const auto first = static_cast<std::ptrdiff_t>(rotation_++ % servers.size());
        std::rotate(servers.begin(), servers.begin() + first, servers.end());
    }
    std::erase_if(avoided_, [this](const Avoided& one) { return one.until <= reactor_.now(); });
    std::vector<Address> last;
    std::erase_if(servers, [&](const Address& server) {
        const bool silent =
            std::any_of(avoided_.begin(), avoided_.end(), [&](const Avoided& one) { return one.server == server; });
        if (silent) last.push_back(server);
        return silent;
    });
    servers.insert(servers.end(), last.begin(), last.end());
    return servers;
}

// Round after round; a server that has said that it cannot answer is not asked again.
Deferred<Found> Inquiry::ask_servers(Ref<Inquiry> self, Question question) {
    const Configured configuration = self->configuration_;
    std::vector<Asked> servers;
    for (Address& server : self->servers_in_order()) servers.push_back({std::move(server), {}});
    for (unsigned round = 0; round < configuration->tries; ++round) {
        const Duration limit = std::min(configuration->timeout * (1 << std::min(round, kMostDoublings)),
                                        std::max(configuration->timeout, kMostTimeout));
        for (Asked& one : servers) {
            if (!one.worth_asking) continue;
            const Semaphore::Permit permit = co_await self->permits_.acquire();
            auto asking = ask_server(self, one.server, question, limit).as_result();
            Result<Records> answer = co_await std::move(asking);
            if (answer) {
                answer->server = one.server.to_string();
                co_return std::make_shared<const Records>(std::move(*answer));
            }
            if (answer.error().is(Errc::timed_out)) {
                self->avoided_.push_back({one.server, time_after(self->reactor_, kAvoidance)});
            } else if (!answer.error().is_errno(ECONNREFUSED)) {
                one.worth_asking = false;
            }
            one.error = std::move(answer.error());
        }
    }
    co_return fail(failure(question, servers));
}

Deferred<Records> Inquiry::ask_server(Ref<Inquiry> self, Address server, Question question, Duration limit) {
    ++self->questions_;
    Exchange exchange(self->reactor_, server);
    auto asking = within(self->reactor_, limit, exchange.ask(question.name, question.type)).as_result();
    const Result<std::string> message = co_await std::move(asking);
    if (message) {
        Result<Records> records = parse_answer(*message, question.name, question.type);
        if (!records) co_return fail(records.error().with_context("gave no answer"));
        co_return std::move(*records);
    }
    if (!message.error().is(Errc::timed_out)) co_return fail(message.error());
    co_return fail(Errc::timed_out, "did not answer within " + words(limit));
}

}  // namespace bine::names
