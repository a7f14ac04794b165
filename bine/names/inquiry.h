// What a names::Resolver knows and has under way: the configuration, what was answered, the questions that are being asked.
// Shared with the frames that ask, which may outlive the resolver by a moment. Confined to the reactor's thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/async/event.h"
#include "bine/async/semaphore.h"
#include "bine/base/ref.h"
#include "bine/names/cache.h"
#include "bine/names/configuration.h"
#include "bine/reactor/reactor.h"

namespace bine::names {

class Inquiry final : public Counted {
public:
    Inquiry(Reactor& reactor, ResolverOptions options);
    ~Inquiry();
    // Of the resolver: what waits ends cancelled, and nothing is asked any more.
    void end() noexcept;

    Reactor& reactor() const noexcept { return reactor_; }
    // The driver has no descriptors to watch (simulation): no server can be asked.
    bool is_simulated() const noexcept { return simulated_; }
    uint64_t questions() const noexcept { return questions_; }
    Cache& cache() noexcept { return cache_; }

    using Configured = std::shared_ptr<const Configuration>;
    // Read in the thread pool at first, and again now and then. Errors: unsupported, in simulation.
    static Deferred<Configured> configuration(Ref<Inquiry> self);

    // What the servers say, or have said, about a name without a dot at its end; also that there is nothing. After
    // configuration(). Errors: none of them gave an answer.
    Deferred<Found> find(std::string name, RecordType type);

private:
    struct Query {
        std::vector<Promise<Found>> waiters;
        std::size_t wanted = 0;
        Deferred<> running;
    };
    struct Avoided {
        Address server;
        TimePoint until;
    };

    void read_again();
    void left(const Question& question, const Query* query) noexcept;
    void start(const Question& question, Query& query);
    void settle(const Question& question, const Query* query, Result<Found> found);
    void keep(const Question& question, const Found& found);
    std::vector<Address> servers_in_order();
    static Deferred<Found> ask_servers(Ref<Inquiry> self, Question question);
    static Deferred<Records> ask_server(Ref<Inquiry> self, Address server, Question question, Duration limit);

    Reactor& reactor_;
    const ResolverOptions options_;
    bool simulated_ = false;
    bool ended_ = false;
    uint64_t questions_ = 0;
    std::size_t rotation_ = 0;
    Configured configuration_;
    TimePoint read_at_{};
    Event read_;
    Deferred<> reading_;
    Cache cache_;
    Semaphore permits_;
    std::vector<Avoided> avoided_;
    std::map<Question, std::unique_ptr<Query>> queries_;
};

// What was found out, as an error, if it is that there is nothing; `name` is as it was asked for.
std::optional<Error> absence(const Records& records, std::string_view name, RecordType type);

}  // namespace bine::names
