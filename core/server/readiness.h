// SPDX-License-Identifier: Apache-2.0
// Tells the supervisor of the process (systemd) how far it is.
#pragma once

namespace nuring::server {

// Notifies the supervisor by a datagram to $NOTIFY_SOCKET; without that variable, and in a build
// without libsystemd, these do nothing.
// Threads: the control thread.
// Errors:  none; a supervisor without a notification runs into its own timeout and says so.
// Source:  sd_notify(3).
void report_ready();
// A reload begins; report_ready() says that it is over.
void report_reloading();
void report_stopping();

}  // namespace nuring::server
