/// Which Martlet this is; daemon and command line are one program.
public enum Version {
    public static let current = "0.1.0"
}
