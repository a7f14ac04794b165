#include "bine/names/resolver.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "bine/base/log.h"
#include "bine/base/text.h"
#include "bine/names/address_order.h"
#include "bine/names/inquiry.h"
#include "bine/names/service_order.h"

namespace bine::names {

namespace {

using Addresses = std::vector<Address>;
using Family = Address::Family;

constexpr std::size_t kMostSorted = 32;  // addresses for which it is asked from where they are reached
constexpr uint16_t kDiscardPort = 9;

bool is_under(std::string_view name, std::string_view domain) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.size() < domain.size() || !equals_ignoring_case(name.substr(name.size() - domain.size()), domain))
        return false;
    return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

Error not_a_name(std::string_view name) {
    return Error(Errc::invalid_argument,
                 "look up \"" + escape(name) +
                     "\": that is no host name; it has labels of 1 to 63 printable ASCII bytes, "
                     "253 in all, with dots between (others are written in punycode, xn--...)");
}

// What is never asked of anybody (RFC 6761, RFC 7686): loopback addresses, or that there is nothing.
std::optional<Result<Addresses>> try_special(std::string_view host, uint16_t port, Family family) {
    if (is_under(host, "localhost")) {
        Addresses found;
        if (family != Family::ipv4) found.push_back(*Address::try_parse_ip("::1", port));
        if (family != Family::ipv6) found.push_back(Address::loopback(port));
        return found;
    }
    for (const std::string_view domain : {"invalid", "onion"}) {
        if (!is_under(host, domain)) continue;
        return fail(Errc::not_found, "look up \"" + std::string(host) + "\": there is no such name; ." +
                                         std::string(domain) + " has none");
    }
    return {};
}

struct NoDatagrams final : DatagramSink {
    void datagram_received(std::string_view, const Address&) override {}
    void send_failed(const Error&) override {}
};

// Where a connection to `address` would come from. Nothing is sent.
Address source_towards(Reactor& reactor, const Address& address) {
    NoDatagrams sink;
    const auto opened = reactor.driver().open_datagram(Address(), address.with_port(kDiscardPort), sink);
    if (!opened) return {};
    Address source = reactor.driver().local_address(*opened);
    reactor.driver().close(*opened);
    return source;
}

void sort_addresses(Reactor& reactor, Addresses& addresses) {
    if (addresses.size() < 2 || addresses.size() > kMostSorted) return;
    std::vector<Destination> destinations;
    for (Address& address : addresses) {
        Address source = source_towards(reactor, address);
        destinations.push_back({std::move(address), std::move(source)});
    }
    sort_destinations(destinations);
    std::transform(destinations.begin(), destinations.end(), addresses.begin(),
                   [](Destination& one) { return std::move(one.address); });
}

std::vector<RecordType> types_of(Family family) {
    if (family == Family::ipv4) return {RecordType::a};
    if (family == Family::ipv6) return {RecordType::aaaa};
    return {RecordType::aaaa, RecordType::a};
}

// What the hosts file says, if it knows the name.
std::optional<Result<Addresses>> try_hosts(const Configuration& configuration, std::string_view host, uint16_t port,
                                           Family family) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const Addresses* const known = configuration.hosts.find(host);
    if (!known) return {};
    Addresses found;
    for (const Address& address : *known) {
        if (family == Family::none || family == address.family()) found.push_back(address.with_port(port));
    }
    if (!found.empty()) return found;
    return fail(Errc::not_found,
                "look up \"" + std::string(host) + "\": the hosts file has it, but no such address of it");
}

// All that was learnt about one name.
struct Learnt {
    Addresses addresses;
    std::optional<Error> missing;  // there is nothing
    std::optional<Error> failed;   // nobody could tell
};

Deferred<Learnt> learn(Ref<Inquiry> inquiry, std::string name, uint16_t port, Family family) {
    const std::vector<RecordType> types = types_of(family);
    std::vector<Deferred<Found>> questions;
    questions.reserve(types.size());
    for (const RecordType type : types) questions.push_back(inquiry->find(name, type));
    Learnt learnt;
    for (std::size_t i = 0; i < types.size(); ++i) {
        auto question = std::move(questions[i]).as_result();
        const Result<Found> found = co_await std::move(question);
        if (!found) {
            learnt.failed = found.error();
        } else if (auto missing = absence(**found, name, types[i])) {
            learnt.missing = std::move(missing);
        } else {
            for (const Address& address : (*found)->addresses) learnt.addresses.push_back(address.with_port(port));
        }
    }
    co_return learnt;
}

// A domain of the search list that has nothing leads to the next; one that nobody could tell of ends it, since the name
// may be there.
Deferred<Addresses> ask_for_addresses(Ref<Inquiry> inquiry, std::vector<std::string> names, uint16_t port,
                                      Family family) {
    std::optional<Error> missing;
    for (const std::string& name : names) {
        auto learning = learn(inquiry, name, port, family);
        Learnt learnt = co_await std::move(learning);
        if (!learnt.addresses.empty()) {
            if (learnt.failed) log::debug("names", "one family is unknown", {{"error", learnt.failed->text()}});
            sort_addresses(inquiry->reactor(), learnt.addresses);
            co_return std::move(learnt.addresses);
        }
        if (learnt.failed) co_return fail(*learnt.failed);
        if (!missing) missing = std::move(learnt.missing);
    }
    co_return fail(*missing);
}

Deferred<Addresses> addresses_of(Ref<Inquiry> inquiry, std::string host, uint16_t port, Family family) {
    auto reading = Inquiry::configuration(inquiry);
    const Inquiry::Configured configuration = co_await std::move(reading);
    auto known = try_hosts(*configuration, host, port, family);
    const bool asks = configuration->asks_servers && !configuration->servers.empty();
    if (!known && !asks) {
        auto system = resolve(inquiry->reactor(), std::move(host), port, family);
        co_return co_await std::move(system);
    }
    if (asks && !(known && configuration->hosts_first)) {
        auto asking = ask_for_addresses(inquiry, configuration->candidates(host), port, family).as_result();
        Result<Addresses> found = co_await std::move(asking);
        if (found || !known) known = std::move(found);
    }
    if (!*known) co_return fail(known->error());
    co_return std::move(**known);
}

// The records of one name as it stands.
Deferred<Found> records_of(Ref<Inquiry> inquiry, std::string name, RecordType type) {
    if (!is_name(name)) co_return fail(not_a_name(name));
    if (name.ends_with('.')) name.pop_back();
    const std::string what = "look up " + std::string(to_string(type)) + " of \"" + name + "\"";
    auto reading = Inquiry::configuration(inquiry).as_result();
    const Result<Inquiry::Configured> configuration = co_await std::move(reading);
    if (!configuration) co_return fail(configuration.error().with_context(what));
    if ((*configuration)->servers.empty()) {
        co_return fail(Errc::unsupported, what + ": there is no name server to ask, as " + (*configuration)->reason +
                                              "; ResolverOptions::servers can name one");
    }
    auto asking = inquiry->find(name, type);
    Found found = co_await std::move(asking);
    if (auto missing = absence(*found, name, type)) co_return fail(std::move(*missing));
    co_return found;
}

uint64_t draw(Driver& driver, uint64_t most) {
    std::array<char, sizeof(uint64_t)> bytes{};
    driver.random(bytes);
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value % (most + 1);
}

Deferred<std::vector<Service>> services_of(Ref<Inquiry> inquiry, std::string name) {
    auto asking = records_of(inquiry, name, RecordType::srv);
    const Found found = co_await std::move(asking);
    if (found->services.size() == 1 && found->services.front().host.empty()) {
        co_return fail(Errc::not_found, "look up SRV of \"" + name + "\": it says that the service is not offered");
    }
    Driver& driver = inquiry->reactor().driver();
    co_return order_services(found->services, [&driver](uint64_t most) { return draw(driver, most); });
}

Deferred<std::vector<std::string>> texts_of(Ref<Inquiry> inquiry, std::string name, RecordType type) {
    auto asking = records_of(std::move(inquiry), std::move(name), type);
    const Found found = co_await std::move(asking);
    co_return found->texts;
}

std::string reverse_name(const Address& address) {
    const std::string_view ip = address.ip_bytes();
    std::string name;
    for (auto byte = ip.rbegin(); byte != ip.rend(); ++byte) {
        const auto value = static_cast<unsigned char>(*byte);
        if (ip.size() == 4) {
            name += std::to_string(value) + '.';
        } else {
            constexpr std::string_view kDigits = "0123456789abcdef";
            name += {kDigits[value & 15], '.', kDigits[value >> 4], '.'};
        }
    }
    return name + (ip.size() == 4 ? "in-addr.arpa" : "ip6.arpa");
}

}  // namespace

Resolver::Resolver(Reactor& reactor, ResolverOptions options) : inquiry_(new Inquiry(reactor, std::move(options))) {}

Resolver::~Resolver() { inquiry_->end(); }

bool Resolver::asks_families_apart() const noexcept { return !inquiry_->is_simulated(); }

Deferred<std::vector<Address>> Resolver::look_up(std::string host, uint16_t port, Address::Family family) {
    if (auto special = try_special(host, port, family)) {
        if (!*special) return failed(special->error());
        return ready(std::move(**special));
    }
    if (!is_name(host)) return failed(not_a_name(host));
    if (inquiry_->is_simulated() || is_under(host, "local")) {
        return bine::resolve(inquiry_->reactor(), std::move(host), port, family);
    }
    return addresses_of(inquiry_, std::move(host), port, family);
}

Deferred<std::vector<Service>> Resolver::services(std::string name) { return services_of(inquiry_, std::move(name)); }

Deferred<std::vector<std::string>> Resolver::texts(std::string name) {
    return texts_of(inquiry_, std::move(name), RecordType::txt);
}

Deferred<std::vector<std::string>> Resolver::names_of(Address address) {
    return texts_of(inquiry_, reverse_name(address), RecordType::ptr);
}

uint64_t Resolver::questions() const noexcept { return inquiry_->questions(); }

std::size_t Resolver::kept() const noexcept { return inquiry_->cache().size(); }

void Resolver::forget() noexcept { inquiry_->cache().clear(); }

}  // namespace bine::names
