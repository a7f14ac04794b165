#include "bine/names/configuration.h"

#include <ares.h>
#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "bine/base/text.h"

namespace bine::names {

namespace {

constexpr uint16_t kPort = 53;
constexpr uint64_t kMostLimit = 30;
constexpr std::size_t kMostLabelBytes = 63;
constexpr std::size_t kMostNameBytes = 253;

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    return std::move(text).str();
}

struct DestroyChannel {
    void operator()(ares_channeldata* channel) const noexcept { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, DestroyChannel>;

// A channel that nobody will ask anything: c-ares reads the system's files for it.
Channel configured_channel(const std::string& resolv_conf) {
    static const int initialized = ares_library_init(ARES_LIB_INIT_ALL);
    std::string path = resolv_conf;
    ares_options options{};
    options.resolvconf_path = path.data();
    ares_channeldata* channel = nullptr;
    const int status = ares_init_options(&channel, &options, ARES_OPT_RESOLVCONF);
    return Channel(initialized == ARES_SUCCESS && status == ARES_SUCCESS ? channel : nullptr);
}

void read_servers(ares_channeldata* channel, Configuration& configuration) {
    ares_addr_port_node* first = nullptr;
    if (ares_get_servers_ports(channel, &first) != ARES_SUCCESS) return;
    for (const ares_addr_port_node* node = first; node; node = node->next) {
        char text[INET6_ADDRSTRLEN] = {};
        if (!::inet_ntop(node->family, &node->addr, text, sizeof text)) continue;
        const auto port = static_cast<uint16_t>(node->udp_port ? node->udp_port : kPort);
        if (const auto address = Address::try_parse_ip(text, port)) configuration.servers.push_back(*address);
    }
    ares_free_data(first);
}

void read_rest(ares_channeldata* channel, Configuration& configuration) {
    ares_options saved{};
    int set = 0;
    if (ares_save_options(channel, &saved, &set) != ARES_SUCCESS) return;
    for (int i = 0; i < saved.ndomains; ++i) configuration.search.emplace_back(saved.domains[i]);
    if (saved.ndots >= 0) configuration.ndots = static_cast<unsigned>(saved.ndots);
    configuration.rotate = (set & ARES_OPT_ROTATE) != 0;
    const std::string_view lookups = saved.lookups ? saved.lookups : "fb";
    configuration.asks_hosts = lookups.find('f') != lookups.npos;
    configuration.asks_servers = lookups.find('b') != lookups.npos;
    configuration.hosts_first = lookups.starts_with('f');
    ares_destroy_options(&saved);
}

// The options of resolv.conf(5) that c-ares has other names for.
void read_limits(const std::string& text, Configuration& configuration) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word;
        if (!(words >> word) || word != "options") continue;
        while (words >> word) {
            const auto value = try_parse_decimal(std::string_view(word).substr(word.find(':') + 1), kMostLimit);
            if (!value || *value == 0) continue;
            if (word.starts_with("timeout:")) configuration.timeout = std::chrono::seconds(*value);
            if (word.starts_with("attempts:")) configuration.tries = static_cast<unsigned>(*value);
        }
    }
}

void apply(const ResolverOptions& options, Configuration& configuration) {
    if (!options.servers.empty()) {
        configuration.servers = options.servers;
        configuration.asks_servers = true;
        configuration.reason.clear();
    }
    for (Address& server : configuration.servers) {
        if (server.port() == 0) server = server.with_port(kPort);
    }
    if (options.timeout > Duration(0)) configuration.timeout = options.timeout;
    if (options.tries > 0) configuration.tries = options.tries;
    if (options.ndots >= 0) configuration.ndots = static_cast<unsigned>(options.ndots);
    if (!options.search.empty()) configuration.search = options.search;
    if (options.no_search) configuration.search.clear();
    if (options.hosts_file.empty()) configuration.asks_hosts = false;
}

}  // namespace

std::vector<std::string> Configuration::candidates(std::string_view name) const {
    if (name.ends_with('.')) return {std::string(name.substr(0, name.size() - 1))};
    std::vector<std::string> names;
    for (const std::string& domain : search) {
        std::string whole = std::string(name) + '.' + domain;
        if (whole.ends_with('.')) whole.pop_back();
        if (is_name(whole)) names.push_back(std::move(whole));
    }
    const auto dots = static_cast<std::size_t>(std::count(name.begin(), name.end(), '.'));
    names.insert(dots >= ndots ? names.begin() : names.end(), std::string(name));
    return names;
}

Configuration read_configuration(const ResolverOptions& options) {
    Configuration configuration;
    if (const Channel channel = configured_channel(options.resolv_conf)) {
        read_servers(channel.get(), configuration);
        read_rest(channel.get(), configuration);
        read_limits(read_file(options.resolv_conf), configuration);
    }
    if (::access(options.resolv_conf.c_str(), R_OK) != 0) {
        configuration.servers.clear();
        configuration.reason = options.resolv_conf + " cannot be read";
    } else if (configuration.servers.empty()) {
        configuration.reason = options.resolv_conf + " names no server";
    }
    apply(options, configuration);
    if (configuration.asks_hosts) configuration.hosts = HostsFile(read_file(options.hosts_file));
    return configuration;
}

bool is_name(std::string_view name) noexcept {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty() || name.size() > kMostNameBytes) return false;
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.' ? label == 0 : c <= ' ' || c >= 0x7f || c == '\\' || c == '"') return false;
        label = c == '.' ? 0 : label + 1;
        if (label > kMostLabelBytes) return false;
    }
    return label > 0;
}

}  // namespace bine::names
