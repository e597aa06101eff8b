// SPDX-License-Identifier: Apache-2.0
// Notifies the supervisor of the process (systemd) of its state.
#pragma once

namespace nuring::server {

// These send a datagram to $NOTIFY_SOCKET; without that variable, and in a build without libsystemd, they do
// nothing.
// Threads: the control thread.
// Errors:  none; a supervisor without a notification runs into its own timeout and says so.
// Source:  sd_notify(3).
void report_ready();
// A reload begins; report_ready() ends it.
void report_reloading();
void report_stopping();

}  // namespace nuring::server
