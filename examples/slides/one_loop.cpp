// The talk runs Twisted's client and asyncio's server on one loop, and turns what one waits for into what the other does:
//
//     async def handle(request):
//         get = await defer.deferredToFuture(treq.get(url, headers=headers))
//         text = await defer.deferredToFuture(treq.content(get))
//         return web.Response(body=text, content_type=...)
//
// The same here: a client that answers with Deferreds (one waiter, called at once), a server whose handlers live on Futures
// (any number of waiters, called in the next turn), one reactor under both, and each turned into the other.
#include <cstdio>
#include <string>

#include "bine/async/future.h"
#include "bine/client/client.h"
#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/http/router.h"
#include "bine/http/server.h"

namespace {

using namespace bine;

// Gets pages from elsewhere. Who asks for one that is on its way already shares it.
class Fetcher {
public:
    Fetcher(Reactor& reactor, std::string site) : reactor_(reactor), site_(std::move(site)), client_(reactor) {}

    Future<http::Answer> fetch(std::string_view target) {
        if (under_way_ && !under_way_->done()) return *under_way_;
        ++fetched_;
        Deferred<http::Answer> answer = client_.get(site_ + std::string(target));
        under_way_ = std::move(answer).to_future(reactor_);
        return *under_way_;
    }
    int fetched() const noexcept { return fetched_; }

private:
    Reactor& reactor_;
    const std::string site_;
    http::Client client_;
    std::optional<Future<http::Answer>> under_way_;
    int fetched_ = 0;
};

Deferred<http::Response> handle(Fetcher& fetcher, http::Request& request) {
    const Future<http::Answer> page = fetcher.fetch(request.target());
    const http::Answer answer = co_await page.to_deferred();
    Output body;
    body.append(answer.body);
    co_return http::Response::of(answer.fields.value("Content-Type"), std::move(body));
}

Deferred<Port> serve(Reactor& reactor, http::Server& server) {
    return listen(reactor, "tcp:0:interface=127.0.0.1", server.factory());
}

std::string url_of(const Port& port) { return "http://127.0.0.1:" + std::to_string(port.address().port()); }

Deferred<> run(Reactor& reactor) {
    http::Server elsewhere([](http::Request& request) {
        return http::Response::html("<p>the page " + std::string(request.target()) + "</p>");
    });
    const Port there = co_await serve(reactor, elsewhere);

    Fetcher fetcher(reactor, url_of(there));
    http::Server server([&fetcher](http::Request& request) { return handle(fetcher, request); });
    const Port here = co_await serve(reactor, server);

    http::Client browser(reactor);
    Deferred<http::Answer> first = browser.get(url_of(here) + "/news?today");
    Deferred<http::Answer> second = browser.get(url_of(here) + "/news?today");
    const http::Answer one = co_await std::move(first);
    const http::Answer other = co_await std::move(second);
    std::printf("%s: %s\n", std::string(one.fields.value("Content-Type")).c_str(), one.body.c_str());
    std::printf("both have the same: %s; it was fetched %s\n", one.body == other.body ? "yes" : "no",
                fetcher.fetched() == 1 ? "once" : "twice");
}

}  // namespace

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args) { return run(reactor); });
}
