import CXDP
import Glibc

/// A BPF object in the kernel: its one program and its maps, until the value is released.
///
/// Loading goes through libbpf, which resolves the kernel's structures and functions by their BTF.
@safe public final class LoadedObject: @unchecked Sendable {
    // Guarded by nothing: written in `init` and released in `deinit`, read-only in between.
    private let object: OpaquePointer
    /// Descriptor of the program, owned by this value.
    public let program: Int32

    /// What to settle before the program is loaded.
    public struct Options: Sendable {
        /// Maps to share, by name, in place of the object's own: descriptors, which stay the caller's.
        public var sharedMaps: [String: Int32] = [:]
        /// Sizes of maps, by name.
        public var entries: [String: UInt32] = [:]
        /// Binds the program to this device, which gives it the device's receive metadata (BPF_F_XDP_DEV_BOUND_ONLY).
        public var device: UInt32?
        /// The object's constants (section .rodata), one number of 32 bits each.
        public var constants: [UInt32] = []

        public init() {}
    }

    /// - Throws: `BPFError` with the errno value of libbpf and, where the verifier refused, its last words.
    public init(_ source: BPFObject, options: Options = Options()) throws(BPFError) {
        // libbpf would otherwise print to standard error; what it has to say comes back as errors.
        unsafe libbpf_set_print(nil)
        let bytes = source.bytes
        var log = [CChar](repeating: 0, count: 1 << 20)
        var loaded: OpaquePointer?
        var descriptor: Int32 = -1
        var failure: (step: String, code: Int32)?

        unsafe log.withUnsafeMutableBufferPointer { log in
            var open = unsafe bpf_object_open_opts()
            unsafe open.sz = MemoryLayout<bpf_object_open_opts>.size
            unsafe open.kernel_log_buf = log.baseAddress
            unsafe open.kernel_log_size = log.count
            guard let object = unsafe bpf_object__open_mem(bytes, bytes.count, &open) else {
                failure = ("open", errno)
                return
            }
            unsafe loaded = object
            failure = unsafe Self.prepare(object, options)
            guard failure == nil else { return }
            let code = unsafe bpf_object__load(object)
            guard code == 0 else {
                failure = ("load", -code)
                return
            }
            unsafe descriptor = bpf_program__fd(bpf_object__next_program(object, nil))
        }

        if let failure {
            if let loaded = unsafe loaded { unsafe bpf_object__close(loaded) }
            let words = unsafe log.withUnsafeBufferPointer { log in unsafe String(cString: log.baseAddress!) }
            throw BPFError(object: source, step: failure.step, code: failure.code, verifier: Self.end(of: words))
        }
        guard let loaded = unsafe loaded else { fatalError("libbpf gave neither an object nor an error") }
        unsafe object = loaded
        program = descriptor
    }

    deinit {
        unsafe bpf_object__close(object)
    }

    /// Descriptor of a map, owned by this value. Asking for a map that the object does not have is a programming error.
    public func map(_ name: String) -> Int32 {
        let descriptor = unsafe bpf_object__find_map_fd_by_name(object, name)
        precondition(descriptor >= 0, "no BPF map \(name)")
        return descriptor
    }

    /// The programs' own counters, `martlet_counter` by `martlet_counter`: frames, summed over all CPUs.
    public func counters() -> [UInt64] {
        let cpus = Int(max(libbpf_num_possible_cpus(), 1))
        let descriptor = map("counters")
        return (0..<UInt32(MARTLET_COUNTERS.rawValue)).map { key in
            var key = key
            var values = [UInt64](repeating: 0, count: cpus)
            guard unsafe bpf_map_lookup_elem(descriptor, &key, &values) == 0 else { return 0 }
            return values.reduce(0, &+)
        }
    }

    private static func prepare(_ object: OpaquePointer, _ options: Options) -> (step: String, code: Int32)? {
        for (name, size) in options.entries {
            let code = unsafe bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name), size)
            guard code == 0 else { return ("size map \(name) of", -code) }
        }
        for (name, descriptor) in options.sharedMaps {
            let code = unsafe bpf_map__reuse_fd(bpf_object__find_map_by_name(object, name), descriptor)
            guard code == 0 else { return ("share map \(name) with", -code) }
        }
        if !options.constants.isEmpty {
            let code = unsafe bpf_map__set_initial_value(
                bpf_object__find_map_by_name(object, ".rodata"), options.constants, options.constants.count * 4)
            guard code == 0 else { return ("set the constants of", -code) }
        }
        if let device = options.device {
            let program = unsafe bpf_object__next_program(object, nil)
            unsafe bpf_program__set_ifindex(program, device)
            let code = unsafe bpf_program__set_flags(program, martlet_xdp_device_bound)
            guard code == 0 else { return ("bind to its device", -code) }
        }
        return nil
    }

    /// The last lines of the verifier's log: why it refused stands there, above its statistics.
    private static func end(of log: String) -> String {
        log.split(separator: "\n").suffix(3).joined(separator: "; ")
    }
}

/// Why a BPF program is not in the kernel.
public struct BPFError: Error, CustomStringConvertible, Sendable {
    public var object: BPFObject
    /// What was tried with it.
    public var step: String
    /// errno.
    public var code: Int32
    /// The verifier's last words, or nothing.
    public var verifier: String

    public var description: String {
        var text = "cannot \(step) the BPF program \(object.rawValue): "
        switch code {
        case EPERM: text += "not permitted: run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
        case ENOTSUP, ESRCH:
            text += unsafe String(cString: strerror(code)) + ": the kernel needs BTF (/sys/kernel/btf/vmlinux) and Linux 6.6"
        default: text += unsafe String(cString: strerror(code))
        }
        return verifier.isEmpty ? text : text + " (\(verifier))"
    }
}
