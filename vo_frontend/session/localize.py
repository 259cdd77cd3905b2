"""Places images one by one in a map: ``vo-frontend localize`` without the command line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.atlas.map_file import read_map
from vo_frontend.atlas.saved_map import SavedMap
from vo_frontend.config import Config
from vo_frontend.errors import SourceError
from vo_frontend.features import FeatureExtractor
from vo_frontend.formats.localization_files import LocalizedImage
from vo_frontend.mapping.keyframe import View
from vo_frontend.places.localizer import Localizer
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.session.build import build_localizer, build_map_memory
from vo_frontend.session.load_features import load_features
from vo_frontend.session.opened_input import open_named
from vo_frontend.session.opened_map import with_known_places
from vo_frontend.session.options import configure
from vo_frontend.sources.frame_range import parse_frames
from vo_frontend.sources.image_files import image_size, list_images, read_image
from vo_frontend.sources.query_list import read_queries
from vo_frontend.types import Frame, Image


@dataclass(frozen=True, slots=True, eq=False)
class RawImage:
    """One image to be placed; None where it cannot be decoded."""

    name: str
    camera: Camera
    image: Image | None
    timestamp_ns: int | None = None


class MapLocalizer:
    """Places raw images in the map of a file.

    Args:
        map: the map file, which stays as it is.
        weights_dir: folder with official weights; else ``VO_WEIGHTS_DIR``, the cache, a download.
        keypoints: budget per image.
        device: "auto", "cpu", "cuda" or "cuda:1".
        config: a configuration or a YAML file of differences from the defaults.
        settings: ``section.field=value`` assignments.

    Raises:
        VoError: the map cannot be read, its features are not to be had, or an option is wrong.
    """

    def __init__(
        self,
        map: str | Path,
        *,
        weights_dir: str | Path | None = None,
        keypoints: int | None = None,
        device: str | None = None,
        config: Config | str | Path | None = None,
        settings: Sequence[str] = (),
    ) -> None:
        path = Path(map)
        origin = read_map(path).origin
        self.config = configure(
            config,
            settings=settings,
            features=origin.extractor,
            weights_dir=weights_dir,
            keypoints=keypoints,
            device=device,
        )
        self._extractor: FeatureExtractor = load_features(self.config)
        self.saved: SavedMap = with_known_places(read_map(path, self._extractor))
        self._memory = build_map_memory(self.config, self.saved)
        self._localizers: dict[Camera, tuple[Undistorter, Localizer]] = {}

    @property
    def camera(self) -> Camera:
        """The camera that the map was made with, without distortion."""
        return Camera.from_pinhole(self.saved.origin.camera)

    def localize(self, image: Image, camera: Camera | None = None, name: str = "") -> LocalizedImage:
        """Place one raw image.

        Args:
            image: (H, W) grey or (H, W, 3) RGB uint8.
            camera: that took it; by default that of the map.
            name: for the result.

        Raises:
            SourceError: the image is not of the camera's size.
        """
        return self._place(RawImage(name, camera or self.camera, image))

    def localize_all(self, images: Iterable[RawImage]) -> Iterator[LocalizedImage]:
        """Place images one by one.

        Raises:
            SourceError: an image is not of its camera's size.
        """
        return map(self._place, images)

    def _place(self, raw: RawImage) -> LocalizedImage:
        camera = raw.camera
        if raw.image is None:
            return LocalizedImage(raw.name, raw.timestamp_ns, None)
        if image_size(raw.image) != (camera.width, camera.height):
            width, height = image_size(raw.image)
            raise SourceError(
                f"{raw.name}: the image has {width}x{height} px, its camera "
                f"{camera.width}x{camera.height} px; give the calibration of these images with --camera"
            )
        undistort, localizer = self._for(camera)
        image = undistort(raw.image)
        view = View.of(Frame(0, 0, image), image, self._extractor.extract(image))
        found = localizer.localize(view)
        if found is None:
            return LocalizedImage(raw.name, raw.timestamp_ns, None)
        return LocalizedImage(
            raw.name,
            raw.timestamp_ns,
            found.T_world_cam,
            found.segment_id,
            found.num_inliers,
            found.covariance,
        )

    def _for(self, camera: Camera) -> tuple[Undistorter, Localizer]:
        if camera not in self._localizers:
            undistorter, map_camera = Undistorter(camera), self.saved.origin.camera
            localizer = build_localizer(self.config, undistorter.camera, map_camera, self._memory)
            self._localizers[camera] = undistorter, localizer
        return self._localizers[camera]


def images_of_folder(folder: Path, camera: Camera) -> Iterator[RawImage]:
    """Read the images of a folder in natural order.

    Raises:
        SourceError: the folder is missing or holds no image.
    """
    return (RawImage(path.name, camera, _read(path)) for path in list_images(folder))


def images_of_list(queries: Path, folder: Path) -> Iterator[RawImage]:
    """Read the images that a list of queries names, from a folder; see :mod:`vo_frontend.sources.query_list`.

    Raises:
        SourceError: the list is missing or malformed, or an image is missing.
    """
    found = read_queries(queries)
    for query in found:
        if not (folder / query.name).is_file():
            raise SourceError(
                f"{queries}: image '{query.name}' is not in {folder}; give their folder with --images"
            )
    return (RawImage(query.name, query.camera, _read(folder / query.name)) for query in found)


def images_of_sequence(name: str, frames: str | None, data_root: Path | None) -> Iterator[RawImage]:
    """Read the undistorted images of a named sequence, with their stamps.

    Raises:
        VoError: it is unknown, missing or malformed.
    """
    source = open_named(name, data_root, frames=parse_frames(frames) if frames else None).source
    camera = Camera.from_pinhole(source.camera)
    return (
        RawImage(f"{name}/{frame.index:06d}", camera, frame.image, frame.timestamp_ns) for frame in source
    )


def _read(path: Path) -> Image | None:
    try:
        return read_image(path)
    except SourceError:
        return None
