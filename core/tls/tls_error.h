// SPDX-License-Identifier: Apache-2.0
// Errors of OpenSSL, in the words that operators know.
#pragma once

#include <string>

namespace nuring::tls {

// The oldest entry of this thread's error queue, which is then empty. The common ones in the words of
// the reference ("tls: client didn't provide a certificate"), the rest in OpenSSL's own. "EOF" if the
// queue was empty: the peer left without a word. Faults of certificates: verify_error.h.
// Source: crypto/tls of Go 1.19, as it shows in the log of nats-server 2.9.10.
std::string take_error();

}  // namespace nuring::tls
