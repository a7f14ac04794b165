// Asks name servers what they know.
//
// Try it:  ./resolve localhost  ./resolve example.org TXT  ./resolve _imaps._tcp.example.org SRV 127.0.0.1:5353
#include <cstdio>
#include <string>

#include "bine/base/text.h"
#include "bine/endpoints/react.h"
#include "bine/names/resolver.h"

using namespace bine;

namespace {

Deferred<> print_addresses(names::Resolver& resolver, std::string host) {
    const auto addresses = co_await resolver.resolve(std::move(host), 0);
    for (const Address& address : addresses) std::printf("%s\n", address.host().c_str());
}

Deferred<> print_services(names::Resolver& resolver, std::string name) {
    const auto services = co_await resolver.services(std::move(name));
    for (const names::Service& service : services) std::printf("%s %d\n", service.host.c_str(), service.port);
}

Deferred<> print_texts(Deferred<std::vector<std::string>> asking) {
    const auto texts = co_await std::move(asking);
    for (const std::string& text : texts) std::printf("%s\n", escape(text).c_str());
}

Deferred<> print_answer(names::Resolver& resolver, std::string name, std::string_view type) {
    if (type == "SRV") return print_services(resolver, std::move(name));
    if (type == "TXT") return print_texts(resolver.texts(std::move(name)));
    if (type != "PTR") return print_addresses(resolver, std::move(name));
    const auto address = Address::try_parse_ip(name, 0);
    if (!address)
        return failed(Errc::invalid_argument, "\"" + name + "\" is no IP address, of which PTR gives the names");
    return print_texts(resolver.names_of(*address));
}

// "192.0.2.53:5353"
Result<Address> parse_server(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const auto port = try_parse_decimal(text.substr(std::min(colon, text.size() - 1) + 1), 65535);
    const auto address = Address::try_parse_ip(text.substr(0, colon), static_cast<uint16_t>(port.value_or(0)));
    if (!port || !address) return fail(Errc::invalid_argument, "a server is an IPv4 address and a port, 192.0.2.53:53");
    return *address;
}

}  // namespace

int main(int argc, char** argv) {
    return react(argc, argv, [](Reactor& reactor, Args args) -> Deferred<> {
        names::ResolverOptions options;
        if (args.size() > 2) options.servers.push_back(parse_server(args[2]).value());
        names::Resolver resolver(reactor, options);
        co_await print_answer(resolver, std::string(args.value_or(0, "localhost")), args.value_or(1, "A"));
    });
}
