"""What to do about each reason for which a frame has no pose."""

from vo_frontend.types import Reason

ADVICE = {
    Reason.FIRST_VIEW: "Give more frames: one camera needs a second view from another place.",
    Reason.TOO_LITTLE_PARALLAX: (
        "Move the camera sideways at the start, by a tenth of the distance to what it sees; turning on the "
        "spot does not help. A stereo or depth camera (--sensor) starts at once."
    ),
    Reason.TOO_FEW_FEATURES: (
        "Look at the frames: covered lens, darkness, blur, fog or a blank wall? Give more light or a shorter "
        "exposure, point the camera at texture, or raise --keypoints."
    ),
    Reason.TOO_FEW_MATCHES: (
        "Move more slowly or record at a higher frame rate, and check that no frames are missing (--frames "
        "with a step, a cut video). Motion blur needs a shorter exposure."
    ),
    Reason.TOO_FEW_DEPTHS: (
        "Check that the right or depth image belongs to the same moment, that --depth-scale is right, and "
        "that enough of the scene lies within the range of the sensor."
    ),
    Reason.WRONG_DEPTHS: (
        "Check that the right or depth image belongs to the same moment as the left one, that left and right "
        "are not swapped, and that --depth-scale and the baseline are right."
    ),
    Reason.DEGENERATE_GEOMETRY: (
        "Check the calibration first (vo-frontend calibrate): a wrong focal length or lens model looks like "
        "this. Otherwise much of the picture moves by itself, or all of it lies in one plane: show more of "
        "what stands still."
    ),
    Reason.UNCONFIRMED: (
        "Drive or walk back over a stretch that was seen before, from a similar direction; what looks like a "
        "known place shows too little of it."
    ),
    Reason.BAD_IMAGE: "Repair or leave out the files that cannot be read; log.txt names them.",
    Reason.OUT_OF_ORDER: "Sort the frames by time and check the clock that stamps them.",
    Reason.REPEATED_FRAME: (
        "The recording holds the same frame twice; copies before the first pose cannot be placed. Extract "
        "the frames at the true rate of the camera."
    ),
}
