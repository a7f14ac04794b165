// The talk's two pages, fetched by a coroutine and kept in a dictionary:
//
//     @deferredCoroutine
//     async def main(reactor):
//         pages = ["http://google.com/", "http://twistedmatrix.com"]
//         results = {}
//         for page in pages:
//             results[page] = await treq.content(await treq.get(page))
//         print(results)
//
//     react(main)
//
// Here they are fetched side by side. Without arguments the pages are those of a server in this program.
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "bine/async/gather.h"
#include "bine/client/client.h"
#include "bine/endpoints/listen.h"
#include "bine/endpoints/react.h"
#include "bine/http/router.h"
#include "bine/http/server.h"

namespace {

using namespace bine;

using Pages = std::map<std::string, std::string>;

Deferred<Pages> fetch(Reactor& reactor, std::vector<std::string> urls) {
    http::Client client(reactor);
    std::vector<Deferred<http::Answer>> asked;
    asked.reserve(urls.size());
    for (const std::string& url : urls) asked.push_back(client.get(url));
    std::vector<http::Answer> answers = co_await gather(std::move(asked));

    Pages results;
    for (std::size_t i = 0; i < urls.size(); ++i) results[urls[i]] = std::move(answers[i].body);
    co_return results;
}

http::Router make_site() {
    http::Router site;
    site.get("/{page}", [](http::Request& request) {
        return http::Response::text("this is page " + std::string(request.param("page")));
    });
    return site;
}

Deferred<> fetch_from_here(Reactor& reactor) {
    http::Server server(make_site());
    const Port port = co_await listen(reactor, "tcp:0:interface=127.0.0.1", server.factory());
    const std::string site = "http://127.0.0.1:" + std::to_string(port.address().port());
    std::vector<std::string> pages{site + "/one", site + "/two"};
    const Pages results = co_await fetch(reactor, std::move(pages));
    for (const auto& [url, body] : results) {
        std::printf("%s: %s\n", url.substr(site.size()).c_str(), body.c_str());
    }
}

Deferred<> fetch_these(Reactor& reactor, std::vector<std::string> urls) {
    const Pages results = co_await fetch(reactor, std::move(urls));
    for (const auto& [url, body] : results) std::printf("%s: %zu bytes\n", url.c_str(), body.size());
}

}  // namespace

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args args) -> Deferred<> {
        if (args.size() == 0) return fetch_from_here(reactor);
        std::vector<std::string> urls;
        urls.reserve(args.size());
        for (std::size_t i = 0; i < args.size(); ++i) urls.emplace_back(args[i]);
        return fetch_these(reactor, std::move(urls));
    });
}
