#include "bine/tls/verification.h"

#include <openssl/x509v3.h>

#include <string>

#include "bine/tls/certificate.h"
#include "bine/tls/openssl.h"

namespace bine::tls {

namespace {

constexpr std::size_t kNamesShown = 8;

struct Failure {
    X509_STORE_CTX& store;
    Certificate certificate;  // the one that is wrong
    std::string_view name;
    WallTime now;

    bool is_leaf() const noexcept { return X509_STORE_CTX_get_error_depth(&store) == 0; }
    // How the sentence begins.
    std::string who() const {
        return is_leaf() ? "certificate" : "certificate of the authority \"" + certificate.subject() + "\"";
    }
};

std::string expired(const Failure& failure) {
    const WallTime end = failure.certificate.not_after();
    return failure.who() + " expired " + rough_length(failure.now - end) + " ago (on " + date_of(end) + ")";
}

std::string not_yet_valid(const Failure& failure) {
    const WallTime begin = failure.certificate.not_before();
    return failure.who() + " is not valid yet: only in " + rough_length(begin - failure.now) + " (from " +
           date_of(begin) + "); is this machine's clock right?";
}

bool is_odd_wildcard(std::string_view name) {
    const std::size_t star = name.find('*');
    if (star == name.npos) return false;
    return !name.starts_with("*.") || name.find('*', 1) != name.npos || name.find('.', 2) == name.npos;
}

std::string wrong_name(const Failure& failure) {
    const std::vector<std::string> names = failure.certificate.names();
    std::string text = "name does not match: wanted " + std::string(failure.name) + ", has ";
    if (names.empty()) return text + "no names at all (a common name alone is not looked at, RFC 9525)";
    bool odd = false;
    for (std::size_t i = 0; i < names.size() && i < kNamesShown; ++i) {
        text += (i == 0 ? "" : ", ") + names[i];
        odd = odd || is_odd_wildcard(names[i]);
    }
    if (names.size() > kNamesShown) text += " and " + std::to_string(names.size() - kNamesShown) + " more";
    if (odd) text += "; a wildcard stands for the whole first label of a name that has two more";
    return text;
}

std::string unknown_issuer(const Failure& failure) {
    const std::string issuer = "\"" + failure.certificate.issuer() + "\"";
    // Above the leaf it is most likely a root, which is seldom sent.
    if (failure.is_leaf()) {
        return "certificate was signed by " + issuer +
               ", whose certificate was not sent (is the chain incomplete?) and is not trusted here";
    }
    return "certificate was signed by " + issuer + ", who is not trusted here";
}

std::string weak_key(const Failure& failure) {
    const EVP_PKEY* const key = X509_get0_pubkey(static_cast<X509*>(failure.certificate.handle()));
    std::string text = failure.who() + " has a key that is too weak";
    if (!key) return text;
    const char* const kind = EVP_PKEY_get0_type_name(key);
    return text + ": " + (kind ? kind : "unknown") + " of " + std::to_string(EVP_PKEY_get_bits(key)) + " bits";
}

std::string words_of(const Failure& failure) {
    const int code = X509_STORE_CTX_get_error(&failure.store);
    switch (code) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return expired(failure);
        case X509_V_ERR_CERT_NOT_YET_VALID: return not_yet_valid(failure);
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return wrong_name(failure);
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return "certificate is self-signed: nobody vouches for \"" + failure.certificate.subject() + "\"";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return "certificate was signed by the authority \"" + failure.certificate.subject() +
                   "\", which is not trusted here";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return unknown_issuer(failure);
        case X509_V_ERR_INVALID_PURPOSE: return failure.who() + " is not meant for this use (extended key usage)";
        case X509_V_ERR_INVALID_CA: return failure.who() + " may not sign others";
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL: return weak_key(failure);
        case X509_V_ERR_CA_MD_TOO_WEAK: return failure.who() + " has a signature of a kind that is too weak";
        case X509_V_ERR_CERT_REVOKED: return failure.who() + " is revoked";
        default: return failure.who() + " cannot be believed: " + X509_verify_cert_error_string(code);
    }
}

}  // namespace

std::string rough_length(Duration length) {
    struct Unit {
        Duration length;
        const char* name;
    };
    constexpr Unit kUnits[] = {{std::chrono::hours(24 * 365), "year"},
                               {std::chrono::hours(24), "day"},
                               {std::chrono::hours(1), "hour"},
                               {std::chrono::minutes(1), "minute"},
                               {std::chrono::seconds(1), "second"}};
    for (const Unit& unit : kUnits) {
        if (length < unit.length) continue;
        const auto count = length / unit.length;
        return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
    }
    return "less than a second";
}

Error verification_error(X509_STORE_CTX& store, std::string_view name, WallTime now) {
    X509* current = X509_STORE_CTX_get_current_cert(&store);
    if (!current) current = X509_STORE_CTX_get0_cert(&store);
    if (!current) return Error(Errc::not_trusted, "no certificate was shown");
    X509_up_ref(current);
    const Failure failure{store, Certificate(std::shared_ptr<void>(current, Free<X509_free>())), name, now};
    return Error(Errc::not_trusted, words_of(failure));
}

}  // namespace bine::tls
