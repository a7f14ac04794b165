#include "bine/endpoints/endpoints.h"

#include <algorithm>
#include <map>
#include <vector>

#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/standard_endpoints.h"

namespace bine {

struct Endpoints::Tables {
    std::map<std::string, ServerMaker, std::less<>> servers;
    std::map<std::string, ServerWrapper, std::less<>> wrappers;
    std::map<std::string, ClientMaker, std::less<>> clients;
    Resolver* resolver = nullptr;
};

namespace {

template <class Table>
void list_names(const Table& table, std::vector<std::string>& names) {
    for (const auto& entry : table) names.push_back(entry.first);
}

Error unknown(std::string_view text, std::string_view name, std::string_view what, std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    std::string sentence = "endpoint \"" + std::string(text) + "\": nobody knows the " + std::string(what) + " \"" +
                           std::string(name) + "\"; there are";
    for (const std::string& known : names) sentence += (&known == &names.front() ? " " : ", ") + known;
    return Error(Errc::not_found, sentence);
}

}  // namespace

Endpoints::Endpoints() : tables_(std::make_unique<Tables>()) { add_standard_endpoints(*this); }
Endpoints::~Endpoints() = default;
Endpoints::Endpoints(Endpoints&&) noexcept = default;
Endpoints& Endpoints::operator=(Endpoints&&) noexcept = default;

void Endpoints::add_server(std::string name, ServerMaker maker) {
    tables_->servers[std::move(name)] = std::move(maker);
}

void Endpoints::add_server_wrapper(std::string name, ServerWrapper wrapper) {
    tables_->wrappers[std::move(name)] = std::move(wrapper);
}

void Endpoints::add_client(std::string name, ClientMaker maker) {
    tables_->clients[std::move(name)] = std::move(maker);
}

void Endpoints::set_resolver(Resolver& resolver) noexcept { tables_->resolver = &resolver; }

Result<std::unique_ptr<ServerEndpoint>> Endpoints::server(std::string_view text) {
    const auto prefix = split_endpoint(text);
    if (!prefix) return fail(prefix.error());
    if (const auto wrapper = tables_->wrappers.find(prefix->name); wrapper != tables_->wrappers.end()) {
        auto inner = server(prefix->rest);
        if (!inner) return fail(inner.error().with_context("endpoint \"" + std::string(text) + "\""));
        return wrapper->second(std::move(*inner));
    }
    const auto description = parse_endpoint(text);
    if (!description) return fail(description.error());
    const auto maker = tables_->servers.find(description->name);
    if (maker != tables_->servers.end()) return maker->second(*description);
    std::vector<std::string> names;
    list_names(tables_->servers, names);
    list_names(tables_->wrappers, names);
    return fail(unknown(text, description->name, "server", std::move(names)));
}

Result<std::unique_ptr<ClientEndpoint>> Endpoints::client(std::string_view text) {
    const auto description = parse_endpoint(text);
    if (!description) return fail(description.error());
    const auto maker = tables_->clients.find(description->name);
    if (maker != tables_->clients.end()) {
        auto made = maker->second(*description);
        if (made && tables_->resolver) (*made)->use_resolver(*tables_->resolver);
        return made;
    }
    std::vector<std::string> names;
    list_names(tables_->clients, names);
    return fail(unknown(text, description->name, "client", std::move(names)));
}

}  // namespace bine
