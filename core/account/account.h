// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/interest/sublist.h"

namespace nuring::account {

inline constexpr std::string_view kGlobalAccount = "$G";

// Account is a tenant: its own subject space. Every subscription and every publish belongs to one.
// Threads: name and sublist() from any worker (the sublist locks by itself).
// Lifetime: owned by the AccountRegistry; stays until no worker can name it any more.
class Account {
  public:
    Account(std::string name, const interest::SublistOptions& options)
        : name_(std::move(name)), sublist_(options) {}
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    const std::string& name() const { return name_; }
    interest::Sublist& sublist() { return sublist_; }

  private:
    const std::string name_;
    interest::Sublist sublist_;
};

}  // namespace nuring::account
