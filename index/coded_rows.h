// Copyright 2026 The Copse Authors.
// SPDX-License-Identifier: Apache-2.0
//
// The 1-bit codes of the entries of one page: rows on a leaf page, centroids of
// children on an inner page. An entry x is coded by the signs s of its residual
// r = x - c after a random rotation, where c is the centroid of the page
// (RaBitQ: Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a
// Theoretical Error Bound", SIGMOD 2024, section 3). With the factor
//
//   f = |r|^2 / |r|_1      <r, v> ~ f * <s, v>   for any v,
//
// with a standard deviation of about 0.75 * |r| * |v| / sqrt(D). Both sides
// are rotated; m is the origin of the forest.
//
//   squared Euclidean   |q - x|^2 ~ |q - c|^2 + bias - 2 f <s, q - m>
//                       with bias = |r|^2 + 2 f <s, c - m>
//   inner product           <q,x> ~ <q,c> + f <s,q>          (m = 0)
//
// The first estimates <r, q - c>, so that the error of the codes goes with the
// distance to the centroid and not with the length of the query, and yet needs
// one table of q - m for all pages. What the table and the biases are rounded
// by does go with |q - m| and |c - m|: about 0.07 * |r| * |q - m| / sqrt(D),
// more than the error of the codes where |q - c| is below a twentieth of
// |q - m|. Whoever selects rows by estimates sees to that (second_look.h).
//
//   CodedRowsBuilder builder(space, centroid);
//   builder.Add(vector);
//   CodedRowsExponents exponents = builder.Store(order, payload, offset);
//   ...
//   COPSE_ASSIGN_OR_RETURN(CodedRows rows, CodedRows::Parse(...));
//   rows.Select(query, centroid_score, limit, sums, estimates, indices);
//
// Layout, n entries of dimension d, D = d rounded up to a multiple of 64; sizes
// in bytes:
//
//     SIZE  FIELD
//      2*n  factors, 2 f, IEEE half floats, below 2^14, at least 0
//      2*n  biases, IEEE half floats, magnitudes below 2^14; 0 for the inner
//           product
//           zeros up to the next offset in the page that is a multiple of 64
//   4*D*b  codes of b = n/32, rounded up, blocks of 32 (fast_scan.h), with
//           zeros for entries that there are not
//
// and two int16 exponents in the head of the page: factors and biases are what
// is stored times 2 to the power of theirs. Two, because one goes with the
// length of residuals and the other with its square. For each the largest
// magnitude stored is at least 2^13, or the exponent is the smallest there is,
// -100, or all are zero and so is the exponent: so rows have but one encoding.

#ifndef COPSE_INDEX_CODED_ROWS_H_
#define COPSE_INDEX_CODED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

#include "index/code_space.h"
#include "index/coded_query.h"
#include "index/fast_scan_kernels.h"

namespace copse::internal {

// What the stored numbers of one page are scaled by; they belong in its head.
struct CodedRowsExponents {
  int16_t factors = 0;
  int16_t biases = 0;
};

// Returns the offset in the payload at which coded rows end that begin at
// `offset`.
size_t CodedRowsEnd(size_t offset, size_t dimension, size_t row_count);

// The largest of some coded rows.
struct RowMagnitudes {
  float factor = 0;  // 2 f.
  float bias = 0;    // Its magnitude.
};

// A view of checked coded rows.
class CodedRows {
 public:
  // Checks the rows at `offset` in `payload`, which must outlive the view.
  // Fails with kDataLoss. REQUIRES: the payload reaches to CodedRowsEnd(), and
  // begins at an even address. Scans are fastest if that is 16 bytes after a
  // multiple of 64.
  static absl::StatusOr<CodedRows> Parse(std::span<const std::byte> payload,
                                         size_t offset, size_t dimension,
                                         size_t row_count,
                                         const CodedRowsExponents& exponents);

  size_t row_count() const { return factors_.size(); }
  size_t group_count() const { return group_count_; }

  // Sets estimates[i] to the estimate of entry i, smaller is nearer: of the
  // squared distance, or of minus the inner product. `centroid_score` is that
  // of the centroid of the page. `sums` is working memory for row_count() rows
  // rounded up to whole blocks.
  void Estimate(const CodedQuery& query, float centroid_score,
                std::span<uint16_t> sums, std::span<float> estimates) const;

  // Stores in `indices`, ascending, the entries whose estimates are at most
  // `limit` or, by rounding, a little more, and sets their estimates; returns
  // how many these are. `estimates` of others are left with anything.
  // Estimates that are out of the range of fp32 are not found.
  size_t Select(const CodedQuery& query, float centroid_score, float limit,
                std::span<uint16_t> sums, std::span<float> estimates,
                std::span<uint32_t> indices) const;

  // Sets products[i] to the estimate of the inner product of the residual of
  // entry i with query.difference().
  void EstimateProducts(const CodedQuery& query, std::span<uint16_t> sums,
                        std::span<float> products) const;

  // Returns the standard deviation of what rounding adds to an estimate, of the
  // table of `query` and of the biases, for the entry with the longest
  // residual.
  float RoundingError(const CodedQuery& query) const;

  // Returns the largest factor and bias of all entries.
  RowMagnitudes Magnitudes() const;

  // Returns an estimate up to which all entries whose squared distance, or
  // minus inner product, is at most `reach` are found but one in several
  // hundred: three standard deviations of codes and rounding above it, for the
  // largest entry. `magnitudes` are those of the entries.
  float EstimateLimit(const CodedQuery& query, const RowMagnitudes& magnitudes,
                      float centroid_score, float reach) const;

  // Returns f of entry `index`.
  float factor(size_t index) const;

  // Asks for the memory of all rows, which will be read soon.
  void Prefetch() const;

 private:
  friend class CodedRowsBuilder;

  CodedRows(size_t group_count, const CodedRowsExponents& exponents,
            std::span<const uint16_t> factors, std::span<const uint16_t> biases,
            std::span<const std::byte> codes);

  float RoundingError(const CodedQuery& query,
                      const RowMagnitudes& magnitudes) const;
  double RoundingVariance(const CodedQuery& query,
                          const RowMagnitudes& magnitudes) const;
  EstimateTerms Terms(const CodedQuery& query) const;
  void Scan(const CodedQuery& query, std::span<uint16_t> sums) const;

  size_t group_count_;
  float factor_unit_;  // What the stored numbers are multiples of.
  float bias_unit_;
  std::span<const uint16_t> factors_;  // The spans are not owned.
  std::span<const uint16_t> biases_;
  std::span<const std::byte> codes_;
};

// Makes coded rows, one by one.
//
// Thread safety: none.
class CodedRowsBuilder {
 public:
  // `space` and `centroid` must outlive the builder; an empty centroid is the
  // origin.
  CodedRowsBuilder(const CodeSpace& space, std::span<const float> centroid);

  // Encodes `vector`, whose components are finite. `bias_correction` is added
  // to the estimates of the row.
  void Add(std::span<const float> vector, float bias_correction = 0);

  // Copies entry `index` of `rows`, which has the same ranking, centroid and
  // origin: the code stays as it is, and the vector need not be read.
  void Copy(const CodedRows& rows, size_t index);

  size_t row_count() const { return factors_.size(); }

  // Returns the mean of |r|^2, from the factors: f = |r|^2 / |r|_1, where the
  // rotation makes |r|_1 = sqrt(2 D / pi) |r| within a few percent. 0 without
  // rows.
  float spread() const;

  // Writes the rows, in the order in which `order` names them, to `payload` at
  // `offset`, and returns the exponents for the head of the page.
  // REQUIRES: the payload is zero from there on, to CodedRowsEnd() at least;
  // `order` names each row once.
  CodedRowsExponents Store(std::span<const uint32_t> order,
                           std::span<std::byte> payload, size_t offset) const;

 private:
  std::byte* NextCode();

  const CodeSpace space_;
  std::span<const float> centroid_;      // Not owned.
  std::vector<float> rotated_centroid_;  // c - m.
  std::vector<float> residual_;
  std::vector<float> rotated_;
  std::vector<float> factors_;  // 2 f.
  std::vector<float> biases_;
  std::vector<std::byte> codes_;
};

}  // namespace copse::internal

#endif  // COPSE_INDEX_CODED_ROWS_H_
