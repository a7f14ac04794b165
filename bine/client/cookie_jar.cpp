#include "bine/client/cookie_jar.h"

#include <algorithm>

#include "bine/base/text.h"
#include "bine/client/public_suffix.h"
#include "bine/wire/ip_text.h"

namespace bine::http {

namespace {

bool is_address(std::string_view host) noexcept { return wire::try_parse_ipv4(host) || wire::try_parse_ipv6(host); }

// Whether `host` is `domain` or lies below it.
bool domain_matches(std::string_view host, std::string_view domain) noexcept {
    if (host == domain) return true;
    if (!host.ends_with(domain) || is_address(host)) return false;
    return host.size() > domain.size() && host[host.size() - domain.size() - 1] == '.';
}

bool path_matches(std::string_view path, std::string_view of_cookie) noexcept {
    if (!path.starts_with(of_cookie)) return false;
    return path.size() == of_cookie.size() || of_cookie.ends_with('/') || path[of_cookie.size()] == '/';
}

std::string_view path_of(const CookiePlace& place) noexcept {
    const std::string_view path = place.path.substr(0, place.path.find_first_of("?#"));
    return path.starts_with('/') ? path : std::string_view("/");
}

std::string host_of(const CookiePlace& place) {
    std::string_view host = place.host;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return to_lower(host);
}

// Up to the last slash, without it.
std::string_view default_path(const CookiePlace& place) noexcept {
    const std::string_view path = path_of(place);
    return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

bool begins_with(std::string_view text, std::string_view prefix) noexcept {
    return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::unexpected<Error> refuse(std::string_view why, Place place = Place::current()) {
    return fail(Errc::invalid_argument, "a cookie is not kept: " + std::string(why), place);
}

// What the prefixes of names promise (section 4.1.3).
Result<> check_prefix(const SetCookie& set, bool host_only) {
    const std::string_view named = set.name.empty() ? set.value : set.name;
    const bool host = begins_with(named, "__Host-");
    if (!host && !begins_with(named, "__Secure-")) return {};
    if (set.name.empty()) return refuse("its value only looks like a name with a prefix");
    if (!set.secure) return refuse("its name begins with __Secure- or __Host-, but it is not Secure");
    if (host && (!host_only || set.path != "/")) {
        return refuse("its name begins with __Host-, but it has a Domain, or another Path than /");
    }
    return {};
}

Result<> check_origin(const SetCookie& set, const CookiePlace& from) {
    if (set.secure && !from.secure) return refuse("it is Secure, but came without TLS");
    if (set.same_site == SameSite::none && !set.secure) return refuse("it says SameSite=None, but is not Secure");
    // Tabs part the fields of a file.
    for (const std::string_view part : {set.name, set.path, set.domain}) {
        if (part.find('\t') != part.npos) return refuse("there is a tab in its name, path or domain");
    }
    return {};
}

// The domain of the cookie, and whether it is for that host alone.
Result<> place_in_domain(const SetCookie& set, const std::string& host, Cookie& cookie) {
    const std::string domain = to_lower(set.domain);
    cookie.domain = host;
    cookie.host_only = domain.empty() || (domain == host && is_public_suffix(domain));
    if (cookie.host_only) return {};
    if (!domain_matches(host, domain)) return refuse("its Domain is not that of its sender");
    if (is_public_suffix(domain)) return refuse("its Domain belongs to many");
    cookie.domain = domain;
    return {};
}

WallTime end_of(const SetCookie& set, WallTime now, Duration longest) {
    const WallTime latest = now + longest;
    if (set.max_age) {
        const auto age = std::chrono::seconds(*set.max_age);
        return age.count() <= 0 ? WallTime::min() : age < longest ? now + age : latest;
    }
    return set.expires ? std::min(*set.expires, latest) : WallTime::max();
}

bool same_cookie(const Cookie& a, const Cookie& b) noexcept {
    return a.name == b.name && a.domain == b.domain && a.path == b.path && a.host_only == b.host_only;
}

bool goes_to(const Cookie& cookie, const std::string& host, std::string_view path, bool secure) noexcept {
    if (cookie.host_only ? cookie.domain != host : !domain_matches(host, cookie.domain)) return false;
    return (secure || !cookie.secure) && path_matches(path, cookie.path);
}

}  // namespace

Result<> CookieJar::set(std::string_view set_cookie, const CookiePlace& from, WallTime now) {
    const Result<SetCookie> set = parse_set_cookie(set_cookie);
    if (!set) return fail(set.error());
    const std::string host = host_of(from);
    Cookie cookie;
    if (const auto good = check_origin(*set, from); !good) return good;
    if (const auto good = place_in_domain(*set, host, cookie); !good) return good;
    if (const auto good = check_prefix(*set, cookie.host_only); !good) return good;
    cookie.name = set->name;
    cookie.value = set->value;
    cookie.path = set->path.starts_with('/') ? set->path : default_path(from);
    cookie.expires = end_of(*set, now, options_.longest_life);
    cookie.secure = set->secure;
    cookie.http_only = set->http_only;
    cookie.same_site = set->same_site;
    if (!from.secure && hides_secure(cookie)) return refuse("it came without TLS and would hide a Secure one");
    keep(std::move(cookie), now);
    return {};
}

// Section 5.7, step 15: who has no TLS may not lay a cookie of the same name over a Secure one.
bool CookieJar::hides_secure(const Cookie& cookie) const {
    const auto site = sites_.find(site_of(cookie.domain));
    if (site == sites_.end()) return false;
    return std::ranges::any_of(site->second, [&](const Entry& entry) {
        const Cookie& other = entry.cookie;
        const bool related = domain_matches(cookie.domain, other.domain) || domain_matches(other.domain, cookie.domain);
        return other.secure && other.name == cookie.name && related && path_matches(cookie.path, other.path);
    });
}

void CookieJar::keep(Cookie cookie, WallTime now) {
    const std::string name = site_of(cookie.domain);
    Site& site = sites_[name];
    uint64_t made = ++count_;
    const auto old = std::ranges::find_if(site, [&](const Entry& entry) { return same_cookie(entry.cookie, cookie); });
    if (old != site.end()) {
        made = old->made;
        site.erase(old);
        --size_;
    }
    if (cookie.expires > now) {
        site.push_back({std::move(cookie), made, count_});
        ++size_;
    }
    make_room(name, now);
}

void CookieJar::forget_ended(Site& site, WallTime now) {
    size_ -= std::erase_if(site, [&](const Entry& entry) { return entry.cookie.expires <= now; });
}

void CookieJar::make_room(const std::string& name, WallTime now) {
    const auto forget_oldest = [this](Site& site) {
        site.erase(std::ranges::min_element(site, {}, &Entry::used));
        --size_;
    };
    Site& site = sites_[name];
    if (site.size() > options_.most_per_site) forget_ended(site, now);
    while (site.size() > options_.most_per_site) forget_oldest(site);
    if (site.empty()) sites_.erase(name);
    if (size_ <= options_.most) return;
    for (auto& [other, entries] : sites_) forget_ended(entries, now);
    while (size_ > options_.most) {
        const auto oldest = std::ranges::min_element(sites_, {}, [](const auto& pair) {
            const auto entry = std::ranges::min_element(pair.second, {}, &Entry::used);
            return entry == pair.second.end() ? UINT64_MAX : entry->used;
        });
        forget_oldest(oldest->second);
    }
    std::erase_if(sites_, [](const auto& pair) { return pair.second.empty(); });
}

std::string CookieJar::header(const CookiePlace& to, WallTime now) {
    const std::string host = host_of(to);
    const auto site = sites_.find(site_of(host));
    if (site == sites_.end()) return {};
    forget_ended(site->second, now);
    std::vector<Entry*> chosen;
    for (Entry& entry : site->second) {
        if (goes_to(entry.cookie, host, path_of(to), to.secure)) chosen.push_back(&entry);
    }
    std::ranges::sort(chosen, [](const Entry* a, const Entry* b) {
        const std::size_t length = a->cookie.path.size();
        const std::size_t other = b->cookie.path.size();
        return length != other ? length > other : a->made < b->made;
    });
    std::string value;
    for (Entry* entry : chosen) {
        entry->used = ++count_;
        if (!value.empty()) value += "; ";
        if (!entry->cookie.name.empty()) value += entry->cookie.name + '=';
        value += entry->cookie.value;
    }
    return value;
}

void CookieJar::clear() noexcept {
    sites_.clear();
    size_ = 0;
}

std::vector<Cookie> CookieJar::cookies() const {
    std::vector<Cookie> all;
    all.reserve(size_);
    for (const auto& [name, site] : sites_) {
        for (const Entry& entry : site) all.push_back(entry.cookie);
    }
    return all;
}

}  // namespace bine::http
