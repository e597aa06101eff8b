// SPDX-License-Identifier: Apache-2.0
// The `tls` block, wherever it stands. Files are named here and read by core/tls.
#include <fmt/format.h>

#include <algorithm>

#include "core/config/duration.h"
#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr UnknownKey kInTls = {"error parsing tls config, unknown field [\"", "\"]", false};
constexpr size_t kPinSize = 64;  // hexadecimal digits of a SHA-256

struct TlsBlock {
    TlsOptions tls;
    TlsSide side = TlsSide::kClients;
    bool has_certificate_list = false;
};

bool filename(Reader& reader, const Member& member, std::string_view key, std::string* out) {
    if (member.value.type == ValueType::kString) {
        *out = member.value.text;
        return true;
    }
    reader.error(member.value,
                 fmt::format("error parsing tls config, expected '{}' to be filename", key));
    return false;
}

bool flag(Reader& reader, const Member& member, std::string_view key, bool* out) {
    if (member.value.type == ValueType::kBool) {
        *out = member.value.boolean;
        return true;
    }
    reader.error(member.value,
                 fmt::format("error parsing tls config, expected '{}' to be a boolean", key));
    return false;
}

// A list of names, each out of known.
void names(Reader& reader, const Member& member, std::string_view key, std::string_view what,
           const std::vector<std::string>& known, std::vector<std::string>* out) {
    if (!reader.array(member.value)) return;
    if (member.value.elements.empty()) {
        return reader.error(member.value,
                            fmt::format("error parsing tls config, '{}' cannot be empty", key));
    }
    out->clear();
    for (const Value& element : member.value.elements) {
        std::string name;
        if (!reader.text(element, &name)) return;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return reader.error(element, fmt::format("unrecognized {} {}", what, name));
        }
        out->push_back(name);
    }
}

void read_timeout(Reader& reader, const Member& member, TlsBlock* block) {
    const ValueType type = member.value.type;
    if (type == ValueType::kString) {
        const auto parsed = parse_duration(member.value.text);
        if (!parsed.ok()) {
            return reader.error(member.value, fmt::format("error parsing tls config, 'timeout' {}",
                                                          std::string(parsed.status().message())));
        }
        block->tls.timeout = *parsed;
        return;
    }
    if (type != ValueType::kInteger && type != ValueType::kFloat) {
        return reader.error(member.value, "error parsing tls config, 'timeout' wrong type");
    }
    reader.timeout(member.value, &block->tls.timeout);
}

void read_known_urls(Reader& reader, const Member& member, TlsBlock* block) {
    bool check = false;
    if (!flag(reader, member, "verify_cert_and_check_known_urls", &check)) return;
    if (check && block->side == TlsSide::kClients) {
        return reader.error(member.value,
                            "verify_cert_and_check_known_urls not supported in this context");
    }
    block->tls.check_known_urls = check;
}

void read_pins(Reader& reader, const Member& member, TlsBlock* block) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(member.value,
                            "error parsing tls config, expected 'pinned_certs' to be a list of "
                            "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo");
    }
    block->tls.pinned_certs.clear();
    for (const Value& element : member.value.elements) {
        std::string pin;
        if (!reader.text(element, &pin)) return;
        pin = to_lower(pin);
        const bool hex = pin.size() == kPinSize &&
                         pin.find_first_not_of("0123456789abcdef") == std::string::npos;
        if (!hex) {
            return reader.error(element,
                                fmt::format("error parsing tls config, 'pinned_certs' key {} does "
                                            "not look like hex-encoded sha256 of DER encoded "
                                            "SubjectPublicKeyInfo",
                                            pin));
        }
        block->tls.pinned_certs.push_back(pin);
    }
}

void read_rate_limit(Reader& reader, const Member& member, TlsBlock* block) {
    if (member.value.type != ValueType::kInteger) {
        return reader.error(member.value,
                            "error parsing tls config, 'connection_rate_limit' wrong type");
    }
    block->tls.connection_rate_limit = member.value.integer;
}

void read_min_version(Reader& reader, const Member& member, TlsBlock* block) {
    std::string version;
    if (!reader.text(member.value, &version)) return;
    if (version != "1.2" && version != "1.3") {
        return reader.error(
            member.value,
            fmt::format("error parsing tls config, 'min_version' \"{}\" is not 1.2 or 1.3",
                        version));
    }
    block->tls.min_version = version;
}

// "auto" and durations: what who says nothing for so long gets INFO first after all.
constexpr std::chrono::milliseconds kHelloWaitDefault{50};

void read_handshake_first(Reader& reader, const Member& member, TlsBlock* block) {
    TlsOptions& tls = block->tls;
    if (member.value.type == ValueType::kBool) {
        tls.handshake_first = member.value.boolean;
        tls.hello_wait = {};
        return;
    }
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value,
                            fmt::format("field \"{}\" should be a boolean or a string, got {}",
                                        member.key, member.value.go_type()));
    }
    const std::string word = to_lower(member.value.text);
    tls.handshake_first = word != "false" && word != "off" && word != "no";
    tls.hello_wait = {};
    if (!tls.handshake_first || word == "true" || word == "on" || word == "yes") return;
    if (word == "auto") {
        tls.hello_wait = kHelloWaitDefault;
        return;
    }
    const auto wait = parse_duration(word);
    if (!wait.ok() || *wait < std::chrono::nanoseconds{0}) {
        return reader.error(member.value, fmt::format("field \"{}\"'s value \"{}\" is invalid",
                                                      member.key, member.value.text));
    }
    tls.hello_wait = *wait;
}

constexpr Row<TlsBlock> kTlsRows[] = {
    {"cert_file", [](Reader& r, const Member& m,
                     TlsBlock* b) { filename(r, m, "cert_file", &b->tls.cert_file); }},
    {"key_file",
     [](Reader& r, const Member& m, TlsBlock* b) { filename(r, m, "key_file", &b->tls.key_file); }},
    {"ca_file",
     [](Reader& r, const Member& m, TlsBlock* b) { filename(r, m, "ca_file", &b->tls.ca_file); }},
    {"insecure",
     [](Reader& r, const Member& m, TlsBlock* b) { flag(r, m, "insecure", &b->tls.insecure); }},
    {"verify",
     [](Reader& r, const Member& m, TlsBlock* b) { flag(r, m, "verify", &b->tls.verify); }},
    {"verify_and_map",
     [](Reader& r, const Member& m, TlsBlock* b) { flag(r, m, "verify_and_map", &b->tls.map); }},
    {"verify_cert_and_check_known_urls", read_known_urls},
    {"cipher_suites",
     [](Reader& r, const Member& m, TlsBlock* b) {
         names(r, m, "cipher_suites", "cipher", known_cipher_suites(), &b->tls.cipher_suites);
     }},
    {"curve_preferences",
     [](Reader& r, const Member& m, TlsBlock* b) {
         names(r, m, "curve_preferences", "curve preference", default_curves(),
               &b->tls.curve_preferences);
     }},
    {"timeout", read_timeout},
    {"connection_rate_limit", read_rate_limit},
    {"pinned_certs", read_pins},
    {"min_version", read_min_version},
    {"handshake_first first immediate", read_handshake_first},
    {"certs",
     [](Reader& r, const Member& m, TlsBlock* b) {
         b->has_certificate_list = true;
         r.note(m.value, Part::kCertificateList);
     }},
};

// A listener has to show a certificate; who only dials may have none.
bool check_key_pair(Reader& reader, const Value& value, const TlsBlock& block) {
    const bool no_cert = block.tls.cert_file.empty();
    const bool no_key = block.tls.key_file.empty();
    if (!no_cert && no_key) {
        reader.error(value, "missing 'key_file' in TLS configuration");
        return false;
    }
    if (no_cert && !no_key) {
        reader.error(value, "missing 'cert_file' in TLS configuration");
        return false;
    }
    const bool optional = block.side == TlsSide::kLeafnodeRemote ||
                          block.side == TlsSide::kResolver || block.has_certificate_list;
    if (no_cert && !optional) {
        reader.error(value,
                     "error parsing X509 certificate/key pair: 'cert_file' and 'key_file' are "
                     "required");
        return false;
    }
    return true;
}

}  // namespace

bool read_tls(Reader& reader, const Value& value, TlsSide side, std::optional<TlsOptions>* out) {
    if (!reader.map(value)) return false;
    TlsBlock block;
    block.side = side;
    block.tls.position = value.position();
    // A file whose name was misspelt is not missing as well.
    const size_t errors_before = reader.error_count();
    read_block(reader, value, kTlsRows, &block, kInTls);
    if (reader.error_count() != errors_before) return false;
    if (!check_key_pair(reader, value, block)) return false;
    // Both imply verify, whichever key comes last; RC19 lets a later `verify: false` win.
    if (block.tls.map || block.tls.check_known_urls) block.tls.verify = true;
    *out = block.tls;
    return true;
}

}  // namespace nuring::config
