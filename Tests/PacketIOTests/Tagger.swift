import CXDP
import Glibc

/// Puts a VLAN tag on all that leaves by a link, in the metadata of the frame as a VLAN interface does: a tc program of
/// six instructions. Goes with the value.
final class Tagger {
    private let link: Int32

    init(_ name: String, tci: Int32) throws {
        func instruction(_ code: UInt8, to register: UInt8 = 0, _ value: Int32 = 0) -> bpf_insn {
            var instruction = bpf_insn()
            instruction.code = code
            instruction.dst_reg = register
            instruction.imm = value
            return instruction
        }
        let program = [
            instruction(0xB7, to: 2, Int32(UInt16(0x8100).bigEndian)),  // r2 = protocol
            instruction(0xB7, to: 3, tci),  // r3 = tag
            instruction(0x85, 18),  // bpf_skb_vlan_push
            instruction(0xB7, to: 0, -1),  // TC_ACT_UNSPEC: the next program
            instruction(0x95),
        ]
        let descriptor = unsafe bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tagger", "GPL", program, program.count, nil)
        guard descriptor >= 0 else { throw TestNamespace.CommandFailed(text: "load tagger: \(descriptor)") }
        defer { close(descriptor) }
        link = unsafe martlet_link_tcx(descriptor, Int32(if_nametoindex(name)), martlet_tcx_egress)
        guard link >= 0 else { throw TestNamespace.CommandFailed(text: "attach tagger: \(errno)") }
    }

    deinit { close(link) }
}
