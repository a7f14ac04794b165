#include "bine/client/auth.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bine/base/text.h"
#include "bine/wire/http1/characters.h"
#include "bine/wire/http1/list.h"

namespace bine::http {

namespace {

bool is_token68(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || http1::is_digit(c) ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
}

// How many bytes at the front are a token68; 0 when there is none.
std::size_t token68_size(std::string_view text) noexcept {
    std::size_t size = 0;
    while (size < text.size() && is_token68(text[size])) ++size;
    if (size == 0) return 0;
    while (size < text.size() && text[size] == '=') ++size;
    return size;
}

bool has_control(std::string_view text) noexcept {
    return std::ranges::any_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

template <class Bytes>
std::string hex(const Bytes& bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const auto one : bytes) {
        const auto number = static_cast<uint8_t>(one);
        text += kDigits[number >> 4];
        text += kDigits[number & 15];
    }
    return text;
}

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + '"';
}

// Reads challenges from the front of the text, as far as it is one.
class ChallengeReader {
public:
    explicit ChallengeReader(std::string_view text) noexcept : rest_(text) {}

    Result<std::vector<Challenge>> read() {
        std::vector<Challenge> challenges;
        for (skip_commas(); !rest_.empty(); skip_commas()) {
            const std::string_view name = take_token();
            if (name.empty()) return malformed();
            if (next_is_equals()) {
                if (challenges.empty() || !challenges.back().token68.empty()) return malformed();
                if (!read_value(name, challenges.back())) return malformed();
            } else {
                challenges.push_back({.scheme = to_lower(name), .token68 = {}, .parameters = {}});
                challenges.back().token68 = take_token68();
                if (challenges.back().token68.empty() && !read_first(challenges.back())) return malformed();
            }
            if (!rest_.empty() && rest_.front() != ',') return malformed();
        }
        return challenges;
    }

private:
    static std::unexpected<Error> malformed(Place place = Place::current()) {
        return fail(Errc::remote_protocol, "a malformed WWW-Authenticate field", place);
    }

    void skip_blanks() noexcept { rest_ = http1::trim_blanks(rest_); }
    void skip_commas() noexcept {
        for (skip_blanks(); rest_.starts_with(','); skip_blanks()) rest_.remove_prefix(1);
    }

    std::string_view take_token() noexcept {
        std::size_t size = 0;
        while (size < rest_.size() && http1::is(http1::kToken, rest_[size])) ++size;
        const std::string_view token = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return token;
    }

    bool next_is_equals() const noexcept { return http1::trim_blanks(rest_).starts_with('='); }

    // What stands behind a scheme and a blank, when it is followed by a comma or the end.
    std::string take_token68() {
        if (rest_.empty() || !http1::is_blank(rest_.front())) return {};
        skip_blanks();
        const std::size_t size = token68_size(rest_);
        const std::string_view behind = http1::trim_blanks(rest_.substr(size));
        if (size == 0 || (!behind.empty() && behind.front() != ',')) return {};
        std::string token(rest_.substr(0, size));
        rest_ = behind;
        return token;
    }

    // The parameter that follows a scheme without a comma, if any.
    bool read_first(Challenge& challenge) {
        skip_blanks();
        if (rest_.empty() || rest_.front() == ',') return true;
        const std::string_view name = take_token();
        return !name.empty() && next_is_equals() && read_value(name, challenge);
    }

    // From the equals sign on.
    bool read_value(std::string_view name, Challenge& challenge) {
        skip_blanks();
        rest_.remove_prefix(1);
        skip_blanks();
        std::string value;
        if (rest_.starts_with('"')) {
            if (!read_quoted(value)) return false;
        } else {
            const std::size_t size = std::min(rest_.find_first_of(", \t\""), rest_.size());
            value = rest_.substr(0, size);
            rest_.remove_prefix(size);
        }
        skip_blanks();
        challenge.parameters.emplace_back(to_lower(name), std::move(value));
        return true;
    }

    bool read_quoted(std::string& value) {
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] == '"') {
                rest_.remove_prefix(i + 1);
                return true;
            }
            if (rest_[i] == '\\') ++i;
            if (i < rest_.size()) value += rest_[i];
        }
        return false;
    }

    std::string_view rest_;
};

}  // namespace

Result<std::string> basic_authorization(std::string_view user, std::string_view password) {
    if (user.find(':') != user.npos) return fail(Errc::invalid_argument, "a user name for Basic must not hold a colon");
    if (has_control(user) || has_control(password)) {
        return fail(Errc::invalid_argument, "a user name or password for Basic must not hold control characters");
    }
    return "Basic " + base64(std::string(user) + ':' + std::string(password));
}

Result<std::string> bearer_authorization(std::string_view token) {
    if (token.empty() || token68_size(token) != token.size()) {
        return fail(Errc::invalid_argument, "a bearer token is made of letters, digits and -._~+/ with = at its end");
    }
    return "Bearer " + std::string(token);
}

std::optional<std::string_view> Challenge::find(std::string_view name) const noexcept {
    for (const auto& [known, value] : parameters) {
        if (known == name) return value;
    }
    return std::nullopt;
}

Result<std::vector<Challenge>> parse_challenges(std::string_view value) { return ChallengeReader(value).read(); }

std::optional<DigestAuth::Algorithm> DigestAuth::try_parse_algorithm(std::string_view name) noexcept {
    constexpr std::string_view kSession = "-sess";
    Algorithm algorithm;
    if (name.size() > kSession.size() && equals_ignoring_case(name.substr(name.size() - kSession.size()), kSession)) {
        algorithm.session = true;
        name.remove_suffix(kSession.size());
    }
    static constexpr std::array kNames = {std::pair("MD5", Hash::md5), std::pair("SHA-256", Hash::sha256),
                                          std::pair("SHA-512-256", Hash::sha512_256)};
    for (const auto& [known, hash] : kNames) {
        if (!equals_ignoring_case(name, known)) continue;
        algorithm.hash = hash;
        return algorithm;
    }
    return std::nullopt;
}

const Challenge* DigestAuth::choose(const std::vector<Challenge>& challenges) noexcept {
    const Challenge* best = nullptr;
    Hash best_hash = Hash::md5;
    for (const Challenge& challenge : challenges) {
        if (challenge.scheme != "digest") continue;
        const auto algorithm = try_parse_algorithm(challenge.find("algorithm").value_or("MD5"));
        const auto qop = challenge.find("qop");
        if (!algorithm || (qop && !http1::list_has(*qop, "auth"))) continue;
        if (best && algorithm->hash <= best_hash) continue;
        best = &challenge;
        best_hash = algorithm->hash;
    }
    return best;
}

Result<> DigestAuth::challenged(const std::vector<Challenge>& challenges, bool answered) {
    const Challenge* challenge = choose(challenges);
    if (!challenge) return fail(Errc::unsupported, "the server offers no digest that bine knows");
    const auto realm = challenge->find("realm");
    const auto nonce = challenge->find("nonce");
    if (!realm || !nonce || nonce->empty())
        return fail(Errc::remote_protocol, "a digest challenge without realm or nonce");
    if (answered && count_ <= 1 && !equals_ignoring_case(challenge->find("stale").value_or(""), "true")) {
        return fail(Error(std::error_code(EACCES, std::system_category()),
                          "the server refuses the user name or password for \"" + escape(*realm) + "\""));
    }
    algorithm_name_ = challenge->find("algorithm").value_or("");
    algorithm_ = try_parse_algorithm(algorithm_name_).value_or(Algorithm());
    with_qop_ = challenge->find("qop").has_value();
    hides_user_ = equals_ignoring_case(challenge->find("userhash").value_or(""), "true");
    realm_ = *realm;
    nonce_ = *nonce;
    opaque_ = challenge->find("opaque");
    count_ = 0;
    return {};
}

Result<std::string> DigestAuth::digest(Hash hash, std::string_view text) {
    const EVP_MD* type = hash == Hash::md5 ? EVP_md5() : hash == Hash::sha256 ? EVP_sha256() : EVP_sha512_256();
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), bytes.data(), &size, type, nullptr) != 1) {
        return fail(Errc::unsupported, "OpenSSL does not know the hash of a digest, perhaps because of a policy");
    }
    return hex(std::span(bytes).first(size));
}

// The hash of A1 (section 3.4.2).
Result<std::string> DigestAuth::secret() const {
    const Result<std::string> plain = digest(algorithm_.hash, user_ + ':' + realm_ + ':' + password_);
    if (!plain || !algorithm_.session) return plain;
    return digest(algorithm_.hash, *plain + ':' + nonce_ + ':' + client_nonce_);
}

Result<std::string> DigestAuth::response(std::string_view method, std::string_view target,
                                         std::string_view count) const {
    const Result<std::string> a1 = secret();
    if (!a1) return a1;
    const Result<std::string> a2 = digest(algorithm_.hash, std::string(method) + ':' + std::string(target));
    if (!a2) return a2;
    const std::string middle = with_qop_ ? ':' + std::string(count) + ':' + client_nonce_ + ":auth" : "";
    return digest(algorithm_.hash, *a1 + ':' + nonce_ + middle + ':' + *a2);
}

Result<std::string> DigestAuth::authorization(std::string_view method, std::string_view target,
                                              std::span<const std::byte, kClientNonce> client_nonce) {
    if (!ready()) return fail(Errc::local_protocol, "no digest challenge has come that could be answered");
    if (has_control(user_) || has_control(realm_) || has_control(nonce_)) {
        return fail(Errc::invalid_argument, "a digest with control characters cannot be sent");
    }
    ++count_;
    if (!algorithm_.session || count_ == 1) client_nonce_ = hex(client_nonce);
    const std::string count = hex(std::array{count_ >> 24, count_ >> 16, count_ >> 8, count_});
    const Result<std::string> answer = response(method, target, count);
    if (!answer) return answer;
    const Result<std::string> hidden = hides_user_ ? digest(algorithm_.hash, user_ + ':' + realm_) : user_;
    if (!hidden) return hidden;

    std::string text = "Digest username=" + quoted(*hidden) + ", realm=" + quoted(realm_) +
                       ", nonce=" + quoted(nonce_) + ", uri=" + quoted(target) + ", response=\"" + *answer + '"';
    if (!algorithm_name_.empty()) text += ", algorithm=" + algorithm_name_;
    if (with_qop_) text += ", qop=auth, nc=" + count;
    if (with_qop_ || algorithm_.session) text += ", cnonce=\"" + client_nonce_ + '"';
    if (opaque_) text += ", opaque=" + quoted(*opaque_);
    if (hides_user_) text += ", userhash=true";
    return text;
}

}  // namespace bine::http
