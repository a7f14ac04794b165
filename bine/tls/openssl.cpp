#include "bine/tls/openssl.h"

#include <openssl/sslerr.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace bine::tls {

namespace {

struct Words {
    int reason;
    Errc code;
    const char* text;
};

// Alerts of the other side have numbers of their own: 1000 and the number of RFC 8446 section 6.
constexpr Words kWords[] = {
    {SSL_R_WRONG_VERSION_NUMBER, Errc::remote_protocol, "the other side does not speak TLS, or not on this port"},
    {SSL_R_HTTP_REQUEST, Errc::remote_protocol, "the client speaks plain HTTP here; it has to use https"},
    {SSL_R_HTTPS_PROXY_REQUEST, Errc::remote_protocol, "the client takes this for a proxy that speaks plain HTTP"},
    {SSL_R_UNSUPPORTED_PROTOCOL, Errc::remote_protocol, "the other side speaks only versions of TLS that are too old"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, Errc::remote_protocol,
     "the other side refused: it speaks none of our versions of TLS (alert protocol_version)"},
    {SSL_R_NO_SHARED_CIPHER, Errc::remote_protocol, "the two sides have no cipher in common"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, Errc::remote_protocol,
     "the other side refused: nothing in common, or it wants a certificate (alert handshake_failure)"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, Errc::not_trusted,
     "the other side refused: it wants a client certificate, and was shown none (alert certificate_required)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, Errc::not_trusted,
     "the other side refused our certificate: it does not know who signed it (alert unknown_ca)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, Errc::not_trusted,
     "the other side refused our certificate (alert bad_certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, Errc::not_trusted,
     "the other side refused our certificate (alert certificate_unknown)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, Errc::not_trusted,
     "the other side refused our certificate: it has expired (alert certificate_expired)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, Errc::not_trusted,
     "the other side refused our certificate: it is revoked (alert certificate_revoked)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, Errc::not_trusted,
     "the client shows no certificate, and this server wants one"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, Errc::remote_protocol,
     "the other side refused: it has no certificate for the name that was asked for (alert unrecognized_name)"},
    {SSL_R_NO_APPLICATION_PROTOCOL, Errc::remote_protocol,
     "the client offers none of the protocols that are spoken here (ALPN)"},
    {SSL_R_TLSV13_ALERT_MISSING_EXTENSION, Errc::remote_protocol, "the other side refused: it misses an extension"},
    {1120, Errc::remote_protocol,
     "the other side refused: it speaks none of the protocols offered (alert no_application_protocol)"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, Errc::remote_protocol, "the other side gave up (alert internal_error)"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, Errc::remote_protocol,
     "a record does not decrypt: it was changed on its way"},
    {SSL_R_DH_KEY_TOO_SMALL, Errc::remote_protocol, "the other side's Diffie-Hellman key is too weak"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, Errc::remote_protocol,
     "the other side knows only the renegotiation that is not safe (RFC 5746)"},
};

}  // namespace

std::string take_openssl_error() {
    const unsigned long first = ERR_get_error();
    ERR_clear_error();
    if (first == 0) return "unknown error";
    if (ERR_SYSTEM_ERROR(first)) return std::error_code(ERR_GET_REASON(first), std::system_category()).message();
    const char* const words = ERR_reason_error_string(first);
    return words ? words : "error " + std::to_string(first);
}

Error openssl_error(Errc code, std::string_view text, Place place) {
    if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) {
        ERR_clear_error();
        return Error::out_of_memory();
    }
    return Error(code, std::string(text) + ": " + take_openssl_error(), place);
}

Error protocol_error(std::string_view doing) {
    const unsigned long first = ERR_peek_error();
    const int reason = ERR_GET_REASON(first);
    if (ERR_GET_LIB(first) == ERR_LIB_SSL) {
        for (const Words& words : kWords) {
            if (words.reason != reason) continue;
            ERR_clear_error();
            return Error(words.code, std::string(doing) + ": " + words.text);
        }
    }
    return openssl_error(Errc::remote_protocol, doing);
}

WallTime wall_time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return WallTime(std::chrono::seconds(::timegm(&parts)));
}

std::string date_of(WallTime time) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
    return std::string(text.data(), size);
}

}  // namespace bine::tls
