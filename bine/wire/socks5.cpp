#include "bine/wire/socks5.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "bine/wire/ip_text.h"

namespace bine::wire {

namespace {

constexpr char kVersion = 5;
constexpr char kLoginVersion = 1;
constexpr char kNoLogin = 0;
constexpr char kWithLogin = 2;
constexpr char kConnect = 1;
constexpr char kIpv4 = 1;
constexpr char kName = 3;
constexpr char kIpv6 = 4;
constexpr std::size_t kLongest = 255;

uint8_t byte(std::string_view bytes, std::size_t at) noexcept { return static_cast<uint8_t>(bytes[at]); }

template <class Address>
std::string ip_bytes(char kind, const Address& address) {
    return kind + std::string(address.begin(), address.end());
}

std::string host_bytes(const std::string& host) {
    if (const auto address = try_parse_ipv4(host)) return ip_bytes(kIpv4, *address);
    if (const auto address = try_parse_ipv6(host)) return ip_bytes(kIpv6, *address);
    return std::string{kName, static_cast<char>(host.size())} + host;
}

template <class Address>
std::string ip_as_text(std::string_view bytes) {
    Address address;
    std::copy(bytes.begin(), bytes.end(), address.begin());
    return to_text(address);
}

std::string host_as_text(char kind, std::string_view bytes) {
    if (kind == kIpv4) return ip_as_text<Ipv4>(bytes);
    return kind == kIpv6 ? ip_as_text<Ipv6>(bytes) : std::string(bytes);
}

// What stands behind an answer's code, as RFC 1928 section 6 numbers it.
struct Refusal {
    uint8_t code;
    int number;  // errno; 0 for the proxy's own fault
    std::string_view text;
};

constexpr std::array kRefusals = {
    Refusal{1, 0, "it failed"},
    Refusal{2, EACCES, "its rules forbid it"},
    Refusal{3, ENETUNREACH, "it cannot reach the network"},
    Refusal{4, EHOSTUNREACH, "it cannot reach the host"},
    Refusal{5, ECONNREFUSED, "the connection was refused"},
    Refusal{6, ETIMEDOUT, "the time ran out"},
    Refusal{7, 0, "it does not know the command"},
    Refusal{8, 0, "it does not know this kind of address"},
};

Error refusal(uint8_t code) {
    const auto found = std::ranges::find(kRefusals, code, &Refusal::code);
    const std::string text = "the SOCKS proxy does not connect: " +
                             (found == kRefusals.end() ? "code " + std::to_string(code) : std::string(found->text));
    if (found == kRefusals.end() || found->number == 0) return Error(Errc::remote_protocol, text);
    return Error(std::error_code(found->number, std::system_category()), text);
}

}  // namespace

Result<Socks5Client> Socks5Client::make(const Target& target, const Login& login) {
    if (target.host.empty() || target.host.size() > kLongest || target.host.find('\0') != std::string::npos) {
        return fail(Errc::invalid_argument, "SOCKS wants the name of a host, of 1 to 255 bytes");
    }
    if (login.user.size() > kLongest || login.password.size() > kLongest) {
        return fail(Errc::invalid_argument, "a user name or password for SOCKS is longer than 255 bytes");
    }
    Socks5Client client;
    client.greeting_ = {kVersion, 1, kNoLogin};
    if (!login.user.empty()) {
        client.greeting_ = {kVersion, 2, kNoLogin, kWithLogin};
        client.login_ = std::string{kLoginVersion, static_cast<char>(login.user.size())} + login.user +
                        static_cast<char>(login.password.size()) + login.password;
    }
    client.request_ = std::string{kVersion, kConnect, 0} + host_bytes(target.host) +
                      static_cast<char>(target.port >> 8) + static_cast<char>(target.port & 255);
    return client;
}

Step Socks5Client::next(std::string_view& input, Event& event) {
    if (failure_) return Step::error;
    switch (state_) {
        case State::opening: return speak(State::choosing, greeting_, event);
        case State::choosing: return choose(input, event);
        case State::proving: return prove(input, event);
        case State::asking: return answer(input, event);
        case State::connected: break;
    }
    return Step::need_more;
}

Step Socks5Client::speak(State next, const std::string& bytes, Event& event) {
    state_ = next;
    event.kind = Event::Kind::speak;
    event.bytes = bytes;
    return Step::event;
}

Step Socks5Client::choose(std::string_view& input, Event& event) {
    if (!input.empty() && input[0] != kVersion) return refuse("the proxy does not speak SOCKS 5");
    if (input.size() < 2) return Step::need_more;
    const char method = input[1];
    input.remove_prefix(2);
    if (method == kNoLogin) return speak(State::asking, request_, event);
    if (method == kWithLogin && !login_.empty()) return speak(State::proving, login_, event);
    if (method != '\xff') return refuse("the SOCKS proxy chose a way to log in that was not offered");
    return failure_.set(Error(std::error_code(EACCES, std::system_category()),
                              login_.empty() ? "the SOCKS proxy wants a user name and password"
                                             : "the SOCKS proxy wants another proof than user name and password"));
}

Step Socks5Client::prove(std::string_view& input, Event& event) {
    if (!input.empty() && input[0] != kLoginVersion) return refuse("the SOCKS proxy's answer to a login is malformed");
    if (input.size() < 2) return Step::need_more;
    const bool good = input[1] == 0;
    input.remove_prefix(2);
    if (good) return speak(State::asking, request_, event);
    return failure_.set(
        Error(std::error_code(EACCES, std::system_category()), "the SOCKS proxy refuses the user name or password"));
}

Step Socks5Client::answer(std::string_view& input, Event& event) {
    if (!input.empty() && input[0] != kVersion) return refuse("the SOCKS proxy's answer is malformed");
    if (input.size() < 2) return Step::need_more;
    // Some proxies end behind the code of a refusal.
    if (input[1] != 0) return failure_.set(refusal(byte(input, 1)));
    if (input.size() < 5) return Step::need_more;
    const char kind = input[3];
    if (kind != kIpv4 && kind != kIpv6 && kind != kName) {
        return refuse("the SOCKS proxy's answer holds an unknown kind of address");
    }
    const std::size_t begin = kind == kName ? 5 : 4;
    const std::size_t size = kind == kName ? byte(input, 4) : kind == kIpv4 ? 4 : 16;
    if (input.size() < begin + size + 2) return Step::need_more;
    event.kind = Event::Kind::connected;
    event.bytes = {};
    event.host = host_as_text(kind, input.substr(begin, size));
    event.port = static_cast<uint16_t>(byte(input, begin + size) << 8 | byte(input, begin + size + 1));
    input.remove_prefix(begin + size + 2);
    state_ = State::connected;
    return Step::event;
}

Result<> Socks5Client::end() {
    if (state_ != State::connected) failure_.set(Errc::end_of_stream, "the SOCKS proxy ended before it had connected");
    return failure_.result();
}

}  // namespace bine::wire
