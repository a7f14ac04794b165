// The journal holds every change that was carried out, a line each, as it was asked for. Changes are carried out one at a
// time: the journal is written in a thread, which takes a while, and meanwhile the same request may come again.
#include <fstream>
#include <memory>
#include <string>

#include "bine/async/lock.h"
#include "bine/reactor/thread.h"
#include "kv.h"
#include "store.h"

namespace kv {

using namespace bine;

namespace {

void append_line(const std::string& path, const std::string& line) {
    std::ofstream file(path, std::ios::app);
    file << line << '\n' << std::flush;
    if (!file) throw Error(Errc::closed, "write the journal " + path);
}

class Server {
public:
    Server(Reactor& reactor, std::string journal) : reactor_(reactor), journal_(std::move(journal)) {}

    void read_journal() {
        std::ifstream file(journal_);
        for (std::string line; std::getline(file, line);) {
            const auto request = parse_request(line);
            if (!request) throw Error(Errc::invalid_argument, "read the journal " + journal_ + ": no request: " + line);
            store_.apply(*request);
        }
    }

    Deferred<> talk(Stream stream) {
        while (true) {
            const auto line = co_await stream.next_line({.limit = 4096});
            if (!line) break;
            const auto answer = co_await answer_to(*line);
            co_await stream.write(answer + "\n");
        }
    }

private:
    Deferred<std::string> answer_to(std::string line) {
        const auto request = parse_request(line);
        if (!request) co_return "error no request";
        if (!request->changes()) co_return store_.get(request->key);
        co_return co_await change(*request, line);
    }

    Deferred<std::string> change(Request request, std::string line) {
        const auto turn = co_await writing_.acquire();
        if (const auto known = store_.answer_to(request)) co_return *known;
        co_await write_journal(std::move(line));
        co_return store_.apply(request);
    }

    Deferred<> write_journal(std::string line) {
        return defer_to_thread(reactor_, [path = journal_, line = std::move(line)] { append_line(path, line); });
    }

    Reactor& reactor_;
    const std::string journal_;
    Store store_;
    Lock writing_;
};

}  // namespace

// The handler owns the server, as connections may outlive the port. A client that is cut off does not say so: who is silent
// for too long is taken to be gone.
Deferred<Port> serve(Reactor& reactor, std::string endpoint, std::string journal) {
    const auto server = std::make_shared<Server>(reactor, std::move(journal));
    server->read_journal();
    StreamHandler handler = [server](Stream stream) { return server->talk(std::move(stream)); };
    ListenerOptions options;
    options.connection.idle_timeout = std::chrono::minutes(1);
    return listen(reactor, endpoint, std::move(handler), options);
}

}  // namespace kv
