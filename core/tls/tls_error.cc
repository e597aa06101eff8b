// SPDX-License-Identifier: Apache-2.0
#include "core/tls/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace nuring::tls {
namespace {

struct ReasonWording {
    int code;
    const char* text;
};

constexpr ReasonWording kReasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "tls: client didn't provide a certificate"},
    {SSL_R_WRONG_VERSION_NUMBER, "tls: first record does not look like a TLS handshake"},
    {SSL_R_HTTP_REQUEST, "tls: first record does not look like a TLS handshake"},
    {SSL_R_HTTPS_PROXY_REQUEST, "tls: first record does not look like a TLS handshake"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "tls: client offered only unsupported versions"},
    {SSL_R_VERSION_TOO_LOW, "tls: client offered only unsupported versions"},
    {SSL_R_NO_SHARED_CIPHER, "tls: no cipher suite supported by both client and server"},
    {SSL_R_NO_SHARED_GROUPS, "tls: no ECDHE curve supported by both client and server"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "tls: no ECDHE curve supported by both client and server"},
    {SSL_R_UNEXPECTED_MESSAGE, "tls: unexpected message"},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "tls: oversized record received"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "tls: oversized record received"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "tls: bad record MAC"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "EOF"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "remote error: tls: bad certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "remote error: tls: expired certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "remote error: tls: unknown certificate"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "remote error: tls: handshake failure"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "remote error: tls: unknown certificate authority"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "remote error: tls: protocol version not supported"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "remote error: tls: certificate required"},
    {SSL_R_SSLV3_ALERT_UNEXPECTED_MESSAGE, "remote error: tls: unexpected message"},
    {SSL_R_SSLV3_ALERT_BAD_RECORD_MAC, "remote error: tls: bad record MAC"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "remote error: tls: unsupported certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "remote error: tls: revoked certificate"},
    {SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER, "remote error: tls: illegal parameter"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "remote error: tls: access denied"},
    {SSL_R_TLSV1_ALERT_DECODE_ERROR, "remote error: tls: error decoding message"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "remote error: tls: error decrypting message"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "remote error: tls: insufficient security level"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, "remote error: tls: internal error"},
    {SSL_R_TLSV1_ALERT_USER_CANCELLED, "remote error: tls: user canceled"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "remote error: tls: unrecognized name"},
};

const char* find(const ReasonWording* begin, const ReasonWording* end, int code) {
    const auto* found =
        std::find_if(begin, end, [code](const ReasonWording& each) { return each.code == code; });
    return found == end ? nullptr : found->text;
}

std::string describe(unsigned long error) {  // NOLINT(google-runtime-int): OpenSSL's type
    if (error == 0) return "EOF";
    if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        const char* text = find(std::begin(kReasons), std::end(kReasons), ERR_GET_REASON(error));
        if (text != nullptr) return text;
    }
    if (const char* reason = ERR_reason_error_string(error)) return reason;
    std::array<char, 256> text{};
    ERR_error_string_n(error, text.data(), text.size());
    return text.data();
}

}  // namespace

std::string take_error() {
    const unsigned long error = ERR_get_error();  // NOLINT(google-runtime-int): OpenSSL's type
    std::string text = describe(error);
    ERR_clear_error();
    return text;
}

}  // namespace nuring::tls
