# SPDX-License-Identifier: Apache-2.0
"""What makes counts of callgrind repeat on each machine."""

# The C library picks its copies by processor. callgrind counts each byte of `rep movsb`, so that one is off, and so are
# those that not each x86-64 has.
TUNABLES = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-BMI2,-RTM,-AVX_Fast_Unaligned_Load"
