/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server of two PCI segments: three units, of which the last of each
 * segment takes what no other names, paths of one to three steps through
 * bridges, reserved regions for devices behind them, a root port with ATS,
 * the units' memory nodes, and two devices that only ACPI knows by name.
 * iasl of 2020 calls reserved what has since become a unit's size (the second
 * unit's is 01) and a scope's flags (its last scope's are 05).
 */
[0004]                          Signature : "DMAR"
[0004]                       Table Length : 00000000
[0001]                           Revision : 01
[0001]                           Checksum : 00
[0006]                             Oem ID : "SAMPLE"
[0008]                       Oem Table ID : "2SEGMENT"
[0004]                       Oem Revision : 12345678
[0004]                    Asl Compiler ID : "INTL"
[0004]              Asl Compiler Revision : 20200925

[0001]                 Host Address Width : 2D
[0001]                              Flags : 07
[0010]                           Reserved : 00 00 00 00 00 00 00 00 00 00

[0002]                      Subtable Type : 0000
[0002]                             Length : 0024
[0001]                              Flags : 00
[0001]                           Reserved : 00
[0002]                 PCI Segment Number : 0000
[0008]              Register Base Address : 00000000FBFFC000

[0001]                  Device Scope Type : 02
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 80
[0002]                           PCI Path : 02,00

[0001]                  Device Scope Type : 01
[0001]                       Entry Length : 0C
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 80
[0002]                           PCI Path : 03,00
[0002]                           PCI Path : 08,01
[0002]                           PCI Path : 1F,07

[0002]                      Subtable Type : 0000
[0002]                             Length : 0030
[0001]                              Flags : 01
[0001]                           Reserved : 01
[0002]                 PCI Segment Number : 0000
[0008]              Register Base Address : 00000000D7FFC000

[0001]                  Device Scope Type : 03
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 08
[0001]                     PCI Bus Number : F0
[0002]                           PCI Path : 1F,07

[0001]                  Device Scope Type : 04
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 1F,00

[0001]                  Device Scope Type : 05
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 01
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 15,00

[0001]                  Device Scope Type : 05
[0001]                       Entry Length : 08
[0002]                           Reserved : 0005
[0001]                     Enumeration ID : 02
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 15,01

[0002]                      Subtable Type : 0000
[0002]                             Length : 0010
[0001]                              Flags : 01
[0001]                           Reserved : 00
[0002]                 PCI Segment Number : 0001
[0008]              Register Base Address : 0000200FFC000000

[0002]                      Subtable Type : 0001
[0002]                             Length : 002A
[0002]                           Reserved : 0000
[0002]                 PCI Segment Number : 0000
[0008]                       Base Address : 000000006F340000
[0008]                End Address (limit) : 000000006F342FFF

[0001]                  Device Scope Type : 01
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 14,00

[0001]                  Device Scope Type : 01
[0001]                       Entry Length : 0A
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 00
[0002]                           PCI Path : 1C,07
[0002]                           PCI Path : 00,00

[0002]                      Subtable Type : 0001
[0002]                             Length : 0024
[0002]                           Reserved : 0000
[0002]                 PCI Segment Number : 0001
[0008]                       Base Address : 0000200000000000
[0008]                End Address (limit) : 000020000FFFFFFF

[0001]                  Device Scope Type : 01
[0001]                       Entry Length : 0C
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 17
[0002]                           PCI Path : 02,00
[0002]                           PCI Path : 00,00
[0002]                           PCI Path : 10,03

[0002]                      Subtable Type : 0002
[0002]                             Length : 0018
[0001]                              Flags : 00
[0001]                           Reserved : 00
[0002]                 PCI Segment Number : 0000

[0001]                  Device Scope Type : 02
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 80
[0002]                           PCI Path : 02,00

[0001]                  Device Scope Type : 02
[0001]                       Entry Length : 08
[0002]                           Reserved : 0000
[0001]                     Enumeration ID : 00
[0001]                     PCI Bus Number : 80
[0002]                           PCI Path : 03,02

[0002]                      Subtable Type : 0003
[0002]                             Length : 0014
[0004]                           Reserved : 00000000
[0008]                       Base Address : 00000000D7FFC000
[0004]                   Proximity Domain : 00000000

[0002]                      Subtable Type : 0003
[0002]                             Length : 0014
[0004]                           Reserved : 00000000
[0008]                       Base Address : 0000200FFC000000
[0004]                   Proximity Domain : 01020304

[0002]                      Subtable Type : 0004
[0002]                             Length : 0017
[0003]                           Reserved : 000000
[0001]                      Device Number : 01
[0015]                        Device Name : "\_SB.PCI0.I2C0"

[0002]                      Subtable Type : 0004
[0002]                             Length : 0017
[0003]                           Reserved : 000000
[0001]                      Device Number : 02
[0015]                        Device Name : "\_SB.PCI0.UA00"
