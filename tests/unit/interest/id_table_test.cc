// SPDX-License-Identifier: Apache-2.0
#include "core/interest/id_table.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/prng.h"

namespace nuring::interest {
namespace {

// Keys are the ids themselves; hashes collide often, in the slot and in whole.
uint32_t hash_of(uint32_t id) { return id % 97 * 1000 + id % 3; }

TEST(IdTableTest, AgreesWithAMapUnderRandomChanges) {
    base::Prng prng(17);
    IdTable table;
    std::map<uint32_t, uint32_t> model;
    for (int step = 0; step < 50'000; ++step) {
        const uint32_t range = step / 5000 % 2 == 0 ? 700 : 30;
        const uint32_t id = 1 + prng.below(range);
        const auto is_id = [id](uint32_t found) { return found == id; };
        ASSERT_EQ(table.find(hash_of(id), is_id), model.count(id) == 1 ? id : 0U);
        if (model.erase(id) == 1) {
            table.erase(hash_of(id), id);
        } else {
            table.insert(hash_of(id), id);
            model.emplace(id, id);
        }
        ASSERT_EQ(table.size(), model.size());
    }
    for (const auto& [id, same] : model) table.erase(hash_of(id), id);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_LE(table.heap_bytes(), 64U);
}

TEST(IdTableTest, EmptyTableFindsNothing) {
    const IdTable table;
    EXPECT_EQ(table.find(5, [](uint32_t) { return true; }), 0U);
    EXPECT_EQ(table.heap_bytes(), 0U);
}

}  // namespace
}  // namespace nuring::interest
