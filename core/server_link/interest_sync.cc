// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/interest_sync.h"

#include <cassert>
#include <string_view>
#include <utility>

#include "core/interest/sublist.h"
#include "core/server_link/server_link.h"

namespace nuring::server_link {

void InterestSync::request(std::vector<account::Account*> accounts) {
    if (running_) {
        again_ = true;
        next_accounts_ = std::move(accounts);
        return;
    }
    running_ = true;
    accounts_ = std::move(accounts);
    account_ = 0;
    slice_ = 0;
}

InterestSync::Progress InterestSync::step() {
    assert(running_);
    size_t announced = 0;
    for (; account_ < accounts_.size(); ++account_) {
        account::Account& account = *accounts_[account_];
        const uint32_t slices = account.sublist().count() == 0 ? 0 : account.sublist().own_slice_count();
        for (; slice_ < slices; ++slice_) {
            if (!link_.has_room_for_sync()) return Progress::kNoRoom;
            if (announced > kAnnouncedPerTurn) return Progress::kMore;
            announced += link_.announce_slice(account, slice_);
        }
        slice_ = 0;
    }
    accounts_ = {};
    running_ = false;
    if (!std::exchange(again_, false)) return Progress::kDone;
    request(std::move(next_accounts_));
    return Progress::kMore;
}

}  // namespace nuring::server_link
