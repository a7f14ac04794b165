// The cookies of a client: takes what servers set, gives what is to be sent to them (RFC 6265bis). One thread.
//
// It knows no clock: `now` is wall time. Host names are those of URLs: lower case or not, ASCII, IPv6 in brackets or not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/result.h"
#include "bine/base/time.h"
#include "bine/client/set_cookie.h"

namespace bine::http {

struct Cookie {
    std::string name;
    std::string value;
    std::string domain;  // a host, or with host_only false a domain and all below it; lower case
    std::string path;
    WallTime expires = WallTime::max();  // max(): a session's, which ends with the program
    bool host_only = true;
    bool secure = false;
    bool http_only = false;
    SameSite same_site = SameSite::unset;

    bool is_of_session() const noexcept { return expires == WallTime::max(); }
};

// Who sets a cookie, or is to get one. `secure` is true for https and wss.
struct CookiePlace {
    std::string_view host{};
    std::string_view path{};  // of the URL, with or without its query
    bool secure = false;
};

class CookieJar {
public:
    struct Options {
        std::size_t most_per_site = 180;  // a site is a registered domain and all hosts below it
        std::size_t most = 3000;
        Duration longest_life = std::chrono::hours(24 * 400);  // later ends are moved here
    };

    CookieJar() : CookieJar(Options()) {}
    explicit CookieJar(Options options) : options_(options) {}

    // Keeps the cookie of one Set-Cookie field, replaces the one of its name, domain and path, or removes it when its end
    // has passed. When there are too many, those of the site and then those of all that were used least recently go.
    // Errors: why it is not kept, as the user of a browser would see in its console; nothing has changed then.
    Result<> set(std::string_view set_cookie, const CookiePlace& from, WallTime now);

    // The value of a Cookie field, longest paths first and then oldest; empty when there are none.
    std::string header(const CookiePlace& to, WallTime now);

    // Netscape's cookies.txt, as curl and wget read and write it; session cookies, too. SameSite is lost.
    std::string save(WallTime now) const;
    // Adds those of such a file; what has ended is skipped. Of a cookie that is there already, the file's wins.
    // Errors: invalid_argument with the number of the line that is none; nothing has changed then.
    Result<> load(std::string_view text, WallTime now);

    std::size_t size() const noexcept { return size_; }
    void clear() noexcept;
    // All of them, in no particular order.
    std::vector<Cookie> cookies() const;

private:
    struct Entry {
        Cookie cookie;
        uint64_t made = 0;  // both count up: when it came first, when it was last sent or set
        uint64_t used = 0;
    };
    using Site = std::vector<Entry>;

    void keep(Cookie cookie, WallTime now);
    void forget_ended(Site& site, WallTime now);
    void make_room(const std::string& site, WallTime now);
    bool hides_secure(const Cookie& cookie) const;

    Options options_;
    std::map<std::string, Site, std::less<>> sites_;
    std::size_t size_ = 0;
    uint64_t count_ = 0;
};

}  // namespace bine::http
