// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Scans of 1-bit codes by byte shuffles. The code of a row is the signs of its
// rotated residual (RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional
// Vectors with a Theoretical Error Bound", SIGMOD 2024); one shuffle looks up
// four signs of 16 rows in a table that was made of the query (Andre, Kermarrec
// and Le Scouarnec, "Cache locality is not enough: High-performance nearest
// neighbor search with product quantization fast scan", VLDB 2015).
//
//   const FastScanKernels& kernels = FastScanKernelsFor(BestSimdLevel());
//   BuildTable(rotated_query, &scale, &offset, table.data());  // For all
//   pages. kernels.scan_blocks(table.data(), codes, group_count, block_count,
//   sums); size_t count = kernels.estimate_and_select(
//       sums, factors, biases, row_count, terms, threshold, estimates,
//       indices);
//
// Layout of the codes. The components of a rotated vector, a multiple of 64,
// are taken in groups of four, the rows in blocks of 32. Bit t of a row's
// nibble in group g is 1 if component 4 * g + t is at least 0. A block has 16
// bytes for each group, one group after the other:
//
//   | byte           | low 4 bits          | high 4 bits              |
//   | -------------- | ------------------- | ------------------------ |
//   | 16 * g + j     | row j in group g    | row j + 16 in group g    |
//
// Blocks follow each other. Rows that do not fill the last block have bits 0,
// and are scanned like the others.

#ifndef COPSE_INDEX_FAST_SCAN_H_
#define COPSE_INDEX_FAST_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "index/distance.h"
#include "index/fast_scan_kernels.h"

namespace copse::internal {

constexpr size_t kBlockRowCount = 32;
constexpr size_t kGroupDimension = 4;
constexpr size_t kGroupSizeBytes = 16;

// Returns the kernels of `level`. REQUIRES: IsSupported(level)
const FastScanKernels& FastScanKernelsFor(SimdLevel level);

// Returns the number of blocks that hold `row_count` rows.
constexpr size_t BlockCount(size_t row_count) {
  return (row_count + kBlockRowCount - 1) / kBlockRowCount;
}

// Returns the size of the codes of `row_count` rows, a multiple of 256.
constexpr size_t CodesSizeBytes(size_t group_count, size_t row_count) {
  return BlockCount(row_count) * group_count * kGroupSizeBytes;
}

// Makes the table of a query: for the code of any vector s of -1 and +1, and
// the sum of its entries as scan_blocks() adds them up,
//
//   <s, rotated_query> ~= *scale * sum + *offset
//
// Each entry is rounded to the nearest multiple of *scale, the largest of them
// is 63. A query of zeros, or one that is out of the range of floats (a group
// of four sums up to less than 1e-36 everywhere, or all magnitudes to more than
// the largest float), gives a table of zeros, *scale = 0 and *offset = 0.
// `table` has room for 4 * rotated_query.size() entries.
// REQUIRES: rotated_query.size() is a positive multiple of 64
void BuildTable(std::span<const float> rotated_query, float* scale,
                float* offset, uint8_t* table);

// Writes the signs of `rotated` at row `row` of the blocks that begin at
// `codes`, and changes nothing else. -0 counts as 0, NaN as negative.
// REQUIRES: rotated.size() is a multiple of 64, `codes` has more than `row`
// rows
void PackCode(std::span<const float> rotated, size_t row, std::byte* codes);

// Writes at row `target_row` of `target` the code that stands at row
// `source_row` of `source`, which may be the same blocks, and changes nothing
// else: rows move between pages without their vectors.
void CopyCode(const std::byte* source, size_t source_row, size_t group_count,
              size_t target_row, std::byte* target);

// Returns the IEEE half float nearest to `value`, ties to even; what is too
// large becomes infinite. FromHalf() is the way back.
uint16_t ToHalf(float value);

}  // namespace copse::internal

#endif  // COPSE_INDEX_FAST_SCAN_H_
